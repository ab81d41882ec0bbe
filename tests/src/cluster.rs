//! A whole cluster: nodes on a switch, an outside, a controller with its etcd, and the client.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::dump;
use crate::etcd::Member;
use crate::exec::{self, Output};
use crate::guest::Guest;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::node::Node;
use crate::process::Process;
use crate::programs;
use crate::underlay::Underlay;
use crate::wait;
use crate::wires::{self, Switch};

mod routing;
mod store;

/// The controller's port; a second controller has the next one.
const PORT: u16 = 7443;

/// How long a cluster may take to come up: etcd elects itself in about a second.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Where the controller keeps its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Etcd {
    /// In an etcd that the controller starts as its child.
    Child,
    /// In an etcd that runs by itself, as in a real installation.
    External,
    /// In an etcd of three members, each on a host of its own.
    Members,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    // Processes are declared before the lab, so that they are gone when it shows their logs.
    controllers: Vec<Option<Process>>,
    flags: Vec<String>,
    /// Where each controller finds etcd, where that is not at its members.
    ways: BTreeMap<usize, String>,
    variables: Vec<(String, String)>,
    etcd: Vec<Member>,
    etcd_flags: Vec<String>,
    nodes: Vec<Node>,
    /// The family of the network between nodes.
    pub underlay: Underlay,
    /// The switch that joins nodes, controller and outside.
    pub switch: Switch,
    /// What is behind the default route.
    pub outside: Namespace,
    /// Where controller and client run.
    pub control: Namespace,
    lab: Lab,
}

impl Cluster {
    /// Three nodes with their agents, a controller, and the outside.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn start(lab: &Lab, underlay: Underlay, etcd: Etcd) -> Result<Self> {
        let mut cluster = Self::wired(lab, underlay, 3)?;
        cluster.start_etcd_as(etcd)?;
        cluster.start_controller()?;
        cluster.start_agents()?;
        cluster.wait_for_nodes()?;
        Ok(cluster)
    }

    /// The hosts and cables of a cluster of `count` nodes, where no program runs yet.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn wired(lab: &Lab, underlay: Underlay, count: usize) -> Result<Self> {
        Self::wired_for(lab, underlay, count, 1)
    }

    /// As [`Self::wired`], where nodes know of so many controllers.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn wired_for(
        lab: &Lab,
        underlay: Underlay,
        count: usize,
        controllers: usize,
    ) -> Result<Self> {
        let mut switch = Switch::create(lab, underlay)?;
        let outside = switch.host(lab, "outside", &underlay.router())?;
        wires::make_outside(&outside)?;
        let control = switch.host(lab, "control", &underlay.controller())?;
        let known: Vec<_> = (0..controllers).map(|place| url(underlay, place)).collect();
        let server = known.join(",");
        let mut nodes = Vec::new();
        for number in 1..=count {
            let name = format!("node{number}");
            let host = switch.host(lab, &name, &underlay.node(number))?;
            host.ip(&format!("route add default via {}", underlay.router()))?;
            // What an administrator does on a hypervisor whose guests shall reach the outside.
            host.sysctl("net.ipv4.ip_forward", "1")?;
            host.sysctl("net.ipv6.conf.all.forwarding", "1")?;
            nodes.push(Node::create(lab, &name, host, &server)?);
        }
        Ok(Self {
            controllers: (0..controllers).map(|_| None).collect(),
            flags: Vec::new(),
            ways: BTreeMap::new(),
            variables: Vec::new(),
            etcd: Vec::new(),
            etcd_flags: Vec::new(),
            nodes,
            underlay,
            switch,
            outside,
            control,
            lab: lab.clone(),
        })
    }

    /// Node `number`, from 1.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn node(&mut self, number: usize) -> Result<&mut Node> {
        self.nodes
            .get_mut(number.wrapping_sub(1))
            .with_context(|| format!("there is no node {number}"))
    }

    /// The namespace of node `number`, from 1.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn host(&self, number: usize) -> Result<&Namespace> {
        self.nodes
            .get(number.wrapping_sub(1))
            .map(Node::host)
            .with_context(|| format!("there is no node {number}"))
    }

    /// Every node.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Every node's network as text, once nothing in it changes by itself.
    ///
    /// # Errors
    /// When it cannot be read, or goes on changing.
    pub fn dumps(&self) -> Result<Vec<String>> {
        let hosts: Vec<&Namespace> = self.nodes.iter().map(Node::host).collect();
        dump::settled(&hosts)
    }

    /// Where the client finds the controller.
    pub fn server(&self) -> String {
        url(self.underlay, 0)
    }

    /// Gives every controller that is started from now on these options besides.
    pub fn set_flags(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
    }

    /// Gives every controller that is started from now on these variables besides.
    pub fn set_variables(&mut self, variables: &[(&str, &str)]) {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        self.variables = variables.iter().map(own).collect();
    }

    /// Starts the controller and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start_controller(&mut self) -> Result<()> {
        self.start_controller_at(0)
    }

    /// Starts the controller in this place, from 0, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start_controller_at(&mut self, place: usize) -> Result<()> {
        let listen = listen(self.underlay, place);
        let name = match place {
            0 => "controller".to_owned(),
            place => format!("controller{place}"),
        };
        let mut command = self.control.command(programs::path("weft-controller")?);
        command
            .args(["--listen", &listen, "--insecure", "--name", &name])
            .args(&self.flags)
            .arg("--state-dir")
            .arg(self.lab.folder().join(format!("{name}.state")));
        if let Some(way) = self.way(place) {
            command.args(["--etcd", &way]);
        }
        let variables = self.variables.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        let started = Process::start(&self.lab, &name, &command)?;
        *self
            .controllers
            .get_mut(place)
            .with_context(|| format!("there is no controller {place}"))? = Some(started);
        wait::until("the controller to answer", START_LIMIT, || {
            self.controller_at(place)?.check_running()?;
            exec::run(&mut self.weftctl_command_at(place, &["nodes"])?)
        })?;
        Ok(())
    }

    /// The controller.
    ///
    /// # Errors
    /// When it does not run.
    pub fn controller(&mut self) -> Result<&mut Process> {
        self.controller_at(0)
    }

    /// The controller in this place, from 0.
    ///
    /// # Errors
    /// When it does not run.
    pub fn controller_at(&mut self, place: usize) -> Result<&mut Process> {
        let controller = self.controllers.get_mut(place).and_then(Option::as_mut);
        controller.with_context(|| format!("the controller {place} does not run"))
    }

    /// Asks the controller to stop.
    ///
    /// # Errors
    /// When it does not.
    pub fn stop_controller(&mut self) -> Result<()> {
        self.controller()?.stop()?;
        self.controllers[0] = None;
        Ok(())
    }

    /// Ends the controller as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_controller(&mut self) -> Result<()> {
        self.kill_controller_at(0)
    }

    /// Ends the controller in this place, from 0, as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_controller_at(&mut self, place: usize) -> Result<()> {
        self.controller_at(place)?.kill()?;
        self.controllers[place] = None;
        Ok(())
    }

    /// Starts the agent of every node.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start_agents(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::start_agent)
    }

    /// Waits until every node's agent is connected.
    ///
    /// # Errors
    /// When one is not in time.
    pub fn wait_for_nodes(&mut self) -> Result<()> {
        wait::until("every node to be connected", START_LIMIT, || {
            for node in &mut self.nodes {
                node.check_agent()?;
            }
            let listed = self.client(&["nodes", "-o", "json"])?;
            let nodes: serde_json::Value =
                serde_json::from_str(&listed).context("cannot read the list of nodes")?;
            let connected = count_connected(&nodes);
            ensure!(connected == self.nodes.len(), "{connected} are connected");
            Ok(())
        })?;
        Ok(())
    }

    /// Runs weftctl, however it ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn weftctl(&self, arguments: &[&str]) -> Result<Output> {
        exec::output(&mut self.weftctl_command(arguments)?)
    }

    /// Runs weftctl, which must end well; returns what it printed.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn client(&self, arguments: &[&str]) -> Result<String> {
        exec::run(&mut self.weftctl_command(arguments)?)
    }

    /// The command that runs weftctl beside the controller.
    ///
    /// # Errors
    /// When weftctl was not built.
    pub fn weftctl_command(&self, arguments: &[&str]) -> Result<Command> {
        self.weftctl_command_at(0, arguments)
    }

    /// The command that runs weftctl for the controller in this place, from 0.
    ///
    /// # Errors
    /// When weftctl was not built.
    pub fn weftctl_command_at(&self, place: usize, arguments: &[&str]) -> Result<Command> {
        let mut command = self.control.command(programs::path("weftctl")?);
        let server = url(self.underlay, place);
        command.args(["--server", &server]).args(arguments);
        Ok(command)
    }

    /// Writes a manifest into the lab's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn manifest(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.lab.folder().join(format!("{name}.yaml"));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// Applies a manifest and rolls it out to every node, which must go well.
    ///
    /// # Errors
    /// When it does not; the error has what weftctl said.
    pub fn roll_out(&self, name: &str, text: &str) -> Result<String> {
        let file = self.manifest(name, text)?;
        let file = file.to_string_lossy();
        self.client(&["apply", "-f", &file, "--rollout", "--wait"])
    }

    /// A guest on node `number`, plugged into a bridge there.
    ///
    /// # Errors
    /// When the bridge is not there.
    pub fn guest(&self, name: &str, number: usize, bridge: &str) -> Result<Guest> {
        Guest::plug(&self.lab, name, self.host(number)?, bridge)
    }

    /// The lab that the cluster is in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
}

/// Where the controller in this place, from 0, listens.
fn listen(underlay: Underlay, place: usize) -> String {
    let port = (PORT..).nth(place).unwrap_or(PORT);
    underlay.with_port(&underlay.controller(), port)
}

fn url(underlay: Underlay, place: usize) -> String {
    format!("http://{}", listen(underlay, place))
}

/// How many of the listed nodes have their agent connected.
fn count_connected(nodes: &serde_json::Value) -> usize {
    let list = nodes.get("nodes").unwrap_or(nodes);
    list.as_array().map_or(0, |nodes| {
        nodes
            .iter()
            .filter(|node| node.get("connected") == Some(&serde_json::Value::Bool(true)))
            .count()
    })
}
