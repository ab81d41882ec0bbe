//! Open vSwitch on a node: a database and a switch of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::exec;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::process::Process;
use crate::wait;

/// How the database is laid out, as the package has it.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// How long the programs may take to answer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Open vSwitch 3.1 finds no processors while the machine is younger than this, and then it
/// forwards nothing.
const OLD_ENOUGH: f64 = 11.0;

/// Who forwards packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataPath {
    /// The kernel's module.
    Kernel,
    /// The switch's own process, which every kernel can do.
    Process,
}

impl DataPath {
    /// What a bridge has as its `datapath_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "system",
            Self::Process => "netdev",
        }
    }
}

/// A running Open vSwitch.
#[derive(Debug)]
pub struct OpenVswitch {
    // The switch goes before its database.
    switch: Option<Process>,
    database: Option<Process>,
    path: DataPath,
    lab: Lab,
    host: Namespace,
    folder: PathBuf,
}

impl OpenVswitch {
    /// Starts it on a host, with nothing in it, on the kernel's data path.
    ///
    /// # Errors
    /// When the programs are not there, or do not answer.
    pub fn start(lab: &Lab, host: &Namespace) -> Result<Self> {
        Self::start_on(DataPath::Kernel, lab, host)
    }

    /// Starts it on a host, with nothing in it.
    ///
    /// # Errors
    /// When the programs are not there, or do not answer.
    pub fn start_on(path: DataPath, lab: &Lab, host: &Namespace) -> Result<Self> {
        wait::until("Open vSwitch to see processors", START_LIMIT, || {
            let uptime = std::fs::read_to_string("/proc/uptime").context("no uptime")?;
            let seconds: f64 = uptime.split_whitespace().next().unwrap_or("0").parse()?;
            ensure!(seconds >= OLD_ENOUGH, "the machine is up for {seconds} s");
            Ok(())
        })?;
        let folder = folder(lab, host);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut create = Command::new("ovsdb-tool");
        exec::run(create.arg("create").arg(folder.join("conf.db")).arg(SCHEMA))?;
        let mut started = Self {
            switch: None,
            database: None,
            path,
            lab: lab.clone(),
            host: host.clone(),
            folder,
        };
        started.start_database()?;
        started.start_switch()?;
        Ok(started)
    }

    /// Starts the database, with what it had.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_database(&mut self) -> Result<()> {
        let mut serve = self.host.command("ovsdb-server");
        let socket = self.folder.join("db.sock");
        serve
            .arg(self.folder.join("conf.db"))
            .arg(format!("--remote=punix:{}", socket.display()))
            .arg(format!(
                "--unixctl={}",
                self.folder.join("db.ctl").display()
            ))
            .env("OVS_RUNDIR", &self.folder);
        let name = format!("{}.ovsdb", self.host.name());
        self.database = Some(Process::start(&self.lab, &name, &serve)?);
        wait::until("the database of Open vSwitch", START_LIMIT, || {
            self.vsctl("--no-wait init")
        })?;
        Ok(())
    }

    /// Starts the switch.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_switch(&mut self) -> Result<()> {
        let mut switch = self.host.command("ovs-vswitchd");
        switch
            .arg(format!("unix:{}", self.folder.join("db.sock").display()))
            .arg(format!(
                "--unixctl={}",
                self.folder.join("vs.ctl").display()
            ))
            .env("OVS_RUNDIR", &self.folder);
        if self.path == DataPath::Process {
            switch.arg("--disable-system");
        }
        let name = format!("{}.vswitchd", self.host.name());
        let mut running = Process::start(&self.lab, &name, &switch)?;
        wait::until("Open vSwitch to have its data path", START_LIMIT, || {
            running.check_running()?;
            let types = self.vsctl("--no-wait get Open_vSwitch . datapath_types")?;
            ensure!(types.contains(self.path.as_str()), "it has {types}");
            Ok(())
        })?;
        self.switch = Some(running);
        Ok(())
    }

    /// Ends the database as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_database(&mut self) -> Result<()> {
        let database = self.database.take().context("no database runs")?;
        kill(database)
    }

    /// Ends the switch as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_switch(&mut self) -> Result<()> {
        let switch = self.switch.take().context("no switch runs")?;
        kill(switch)
    }

    /// Makes a bridge, with these ports.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn add_bridge(&self, name: &str, ports: &[&str]) -> Result<()> {
        let path = self.path.as_str();
        let mut words = format!("add-br {name} -- set bridge {name} datapath_type={path}");
        for port in ports {
            words.push_str(&format!(" -- add-port {name} {port}"));
        }
        self.vsctl(&words)?;
        self.host.ip(&format!("link set {name} up"))?;
        Ok(())
    }

    /// Runs `ovs-vsctl` with these words; returns what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn vsctl(&self, words: &str) -> Result<String> {
        let words: Vec<_> = words.split_whitespace().collect();
        let mut command = self.host.command("ovs-vsctl");
        command
            .arg(format!(
                "--db=unix:{}",
                self.folder.join("db.sock").display()
            ))
            .arg("--timeout=20")
            .args(words)
            .env("OVS_RUNDIR", &self.folder);
        exec::run(&mut command)
    }

    /// Where its sockets are: what `OVS_RUNDIR` must be for whoever else talks to it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn kill(mut process: Process) -> Result<()> {
    process.kill()
}

fn folder(lab: &Lab, host: &Namespace) -> PathBuf {
    lab.folder().join(format!("{}.openvswitch", host.name()))
}

/// Where the database of a host's Open vSwitch listens, where it has one.
pub fn socket(lab: &Lab, host: &Namespace) -> PathBuf {
    folder(lab, host).join("db.sock")
}
