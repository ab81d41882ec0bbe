//! A node: a hypervisor in a namespace, with the agent that looks after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::lab::Lab;
use crate::namespace::Namespace;
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
        // `ip netns exec` gives the agent a /sys of its own namespace, as a host has it, and mounts
        // that nobody else sees; so it can be given a boot of its own as well.
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.host.name(), "sh", "-c"])
            .arg("mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\"")
            .arg("sh")
            .arg(&self.boot_id)
            .arg(programs::path("weft-agent")?)
            .args(["--controller", &self.controller])
            .args(["--node", &self.name, "--insecure", "--state-dir"])
            .arg(self.state())
            .envs(variables.iter().copied());
        self.agent = Some(Process::start(&self.lab, &self.name, &command)?);
        Ok(())
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
