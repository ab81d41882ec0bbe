//! A node: a hypervisor in a namespace, with the agent that looks after it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::frr::{self, Frr, Release};
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::openvswitch;
use crate::process::Process;
use crate::programs;

/// A node of the cluster.
#[derive(Debug)]
pub struct Node {
    lab: Lab,
    name: String,
    host: Namespace,
    controller: String,
    boot_id: PathBuf,
    boots: u32,
    agent: Option<Process>,
    watchdog: Option<Process>,
    frr: Option<Frr>,
}

impl Node {
    /// A node whose agent does not run yet.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn create(lab: &Lab, name: &str, host: Namespace, controller: &str) -> Result<Self> {
        let mut node = Self {
            lab: lab.clone(),
            name: name.to_owned(),
            host,
            controller: controller.to_owned(),
            boot_id: lab.folder().join(format!("{name}.boot_id")),
            boots: 0,
            agent: None,
            watchdog: None,
            frr: None,
        };
        node.boot()?;
        Ok(node)
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn host(&self) -> &Namespace {
        &self.host
    }

    /// Where its agent keeps what survives a reboot.
    pub fn state(&self) -> PathBuf {
        self.lab.folder().join(format!("{}.state", self.name))
    }

    /// Where the probes are that its administrator allows.
    pub fn probes(&self) -> PathBuf {
        self.lab.folder().join(format!("{}.probes", self.name))
    }

    /// Allows a probe, as a script.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn allow_probe(&self, name: &str, script: &str) -> Result<()> {
        let folder = self.probes();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(name);
        write(&file, &format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", file.display()))
    }

    /// Its agent.
    ///
    /// # Errors
    /// When it does not run.
    pub fn agent(&mut self) -> Result<&mut Process> {
        let agent = self.agent.as_mut().context("the agent does not run")?;
        agent.check_running()?;
        Ok(agent)
    }

    /// Fails when its agent was started and has ended by itself.
    ///
    /// # Errors
    /// When it has, with how.
    pub fn check_agent(&mut self) -> Result<()> {
        self.agent.as_mut().map_or(Ok(()), Process::check_running)
    }

    /// Where its agent's log is.
    pub fn log(&self) -> PathBuf {
        self.lab.folder().join(format!("{}.log", self.name))
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&mut self) -> Result<()> {
        self.start_agent_with(&[])
    }

    /// Starts the agent with these variables in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent_with(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        let mut command = self.on_host("exec \"$@\"");
        command
            .arg(programs::path("weft-agent")?)
            .args(self.arguments())
            .arg("--probe-dir")
            .arg(self.probes())
            .envs(variables.iter().copied());
        self.agent = Some(Process::start(&self.lab, &self.name, &command)?);
        Ok(())
    }

    /// Starts, in the agent's place, one that crashes soon after each start and is started again,
    /// for ever. `life` is how long each lives, as `timeout` takes it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent_that_crashes(&mut self, life: &str) -> Result<()> {
        let script = "while :; do timeout --signal KILL \"$LIFE\" \"$@\"; sleep 0.5; done";
        let mut command = self.on_host(script);
        command
            .arg(programs::path("weft-agent")?)
            .args(self.arguments())
            .env("LIFE", life);
        self.agent = Some(Process::start(&self.lab, &self.name, &command)?);
        Ok(())
    }

    /// Starts the agent's watchdog.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_watchdog(&mut self) -> Result<()> {
        let mut command = self.on_host("exec \"$@\"");
        command
            .arg(programs::path("weft-agent")?)
            .args(["watchdog", "--state-dir"])
            .arg(self.state())
            .arg("--openvswitch")
            .arg(openvswitch::socket(&self.lab, &self.host))
            .args(self.routing());
        let name = format!("{}-watchdog", self.name);
        self.watchdog = Some(Process::start(&self.lab, &name, &command)?);
        Ok(())
    }

    /// The agent's watchdog.
    ///
    /// # Errors
    /// When it does not run.
    pub fn watchdog(&mut self) -> Result<&mut Process> {
        let watchdog = self.watchdog.as_mut();
        let watchdog = watchdog.context("the watchdog does not run")?;
        watchdog.check_running()?;
        Ok(watchdog)
    }

    fn arguments(&self) -> Vec<OsString> {
        let words = ["--controller", &self.controller, "--node", &self.name];
        let mut arguments: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        arguments.extend(["--insecure", "--state-dir"].map(OsString::from));
        arguments.push(self.state().into_os_string());
        arguments.push("--openvswitch".into());
        arguments.push(openvswitch::socket(&self.lab, &self.host).into_os_string());
        arguments.extend(self.routing());
        arguments
    }

    /// Where the node's own FRR is: never the machine's.
    fn routing(&self) -> [OsString; 6] {
        let folder = frr::folder(&self.lab, &self.host);
        let file = folder.join("frr.conf");
        let shell = self.frr.as_ref().map_or("vtysh".as_ref(), Frr::shell);
        [
            "--frr-dir".into(),
            folder.into_os_string(),
            "--frr-config".into(),
            file.into_os_string(),
            "--vtysh".into(),
            shell.into(),
        ]
    }

    /// Starts what this FRR always has, and these daemons of it.
    ///
    /// # Errors
    /// When one is not there, or does not listen.
    pub fn start_frr(&mut self, release: Release, daemons: &[&str]) -> Result<()> {
        self.frr = Some(Frr::start_of(release, &self.lab, &self.host, daemons)?);
        Ok(())
    }

    /// Its FRR.
    ///
    /// # Errors
    /// When it was not started.
    pub fn frr(&mut self) -> Result<&mut Frr> {
        self.frr.as_mut().context("FRR was not started")
    }

    /// What a person asks its FRR.
    ///
    /// # Errors
    /// When FRR was not started, or refuses.
    pub fn vtysh(&self, command: &str) -> Result<String> {
        let frr = self.frr.as_ref().context("FRR was not started")?;
        frr.vtysh(&[command])
    }

    /// A script on the host; the arguments that the caller adds are the script's.
    ///
    /// `ip netns exec` gives it a /sys of its own namespace, as a host has it, and mounts that
    /// nobody else sees; so it can be given a boot of its own as well.
    fn on_host(&self, script: &str) -> Command {
        let boot = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift";
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.host.name(), "sh", "-c"])
            .arg(format!("{boot} && {script}"))
            .arg("sh")
            .arg(&self.boot_id);
        command
    }

    /// Waits until the agent ended by itself; fails when it does not.
    ///
    /// # Errors
    /// When it goes on for longer than `limit`.
    pub fn wait_for_end_of_agent(&mut self, limit: Duration) -> Result<ExitStatus> {
        let agent = self.agent.as_mut().context("the agent was not started")?;
        let status = agent.wait(limit)?;
        self.agent = None;
        Ok(status)
    }

    /// Asks the agent to stop, as systemd would.
    ///
    /// # Errors
    /// When it does not run, or does not stop.
    pub fn stop_agent(&mut self) -> Result<()> {
        self.agent()?.stop()?;
        self.agent = None;
        Ok(())
    }

    /// Ends the agent as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_agent(&mut self) -> Result<()> {
        self.agent()?.kill()?;
        self.agent = None;
        Ok(())
    }

    /// What a reboot does to a kernel: all that `devices` names is gone, our table too, and the
    /// boot has another id. The agent must be stopped.
    ///
    /// # Errors
    /// When a device is not there.
    pub fn reboot(&mut self, devices: &[&str]) -> Result<()> {
        for device in devices {
            self.host.ip(&format!("link del {device}"))?;
        }
        crate::exec::run(self.host.command("nft").args(["flush", "ruleset"]))?;
        self.boot()
    }

    /// Draws the id of a new boot.
    fn boot(&mut self) -> Result<()> {
        self.boots += 1;
        let id = format!("00000000-0000-4000-8000-{:012}\n", self.boots);
        write(&self.boot_id, &id)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
