//! Open vSwitch on a node: a database and a switch of its own, on the kernel's data path.

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

/// A running Open vSwitch.
#[derive(Debug)]
pub struct OpenVswitch {
    // The switch goes before its database.
    _switch: Process,
    _database: Process,
    host: Namespace,
    folder: PathBuf,
}

impl OpenVswitch {
    /// Starts it on a host, with nothing in it.
    ///
    /// # Errors
    /// When the programs are not there, or do not answer.
    pub fn start(lab: &Lab, host: &Namespace) -> Result<Self> {
        wait::until("Open vSwitch to see processors", START_LIMIT, || {
            let uptime = std::fs::read_to_string("/proc/uptime").context("no uptime")?;
            let seconds: f64 = uptime.split_whitespace().next().unwrap_or("0").parse()?;
            ensure!(seconds >= OLD_ENOUGH, "the machine is up for {seconds} s");
            Ok(())
        })?;
        let folder = lab.folder().join(format!("{}.openvswitch", host.name()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let database = folder.join("conf.db");
        exec::run(
            Command::new("ovsdb-tool")
                .arg("create")
                .arg(&database)
                .arg(SCHEMA),
        )?;
        let socket = folder.join("db.sock");
        let mut serve = host.command("ovsdb-server");
        serve
            .arg(&database)
            .arg(format!("--remote=punix:{}", socket.display()))
            .arg(format!("--unixctl={}", folder.join("db.ctl").display()))
            .env("OVS_RUNDIR", &folder);
        let name = |role: &str| format!("{}.{role}", host.name());
        let serving = Process::start(lab, &name("ovsdb"), &serve)?;
        let asked = |words: &[&str]| exec::run(&mut vsctl(host, &folder, words));
        wait::until("the database of Open vSwitch", START_LIMIT, || {
            asked(&["--no-wait", "init"])
        })?;
        let mut switch = host.command("ovs-vswitchd");
        switch
            .arg(format!("unix:{}", socket.display()))
            .arg(format!("--unixctl={}", folder.join("vs.ctl").display()))
            .env("OVS_RUNDIR", &folder);
        let mut running = Process::start(lab, &name("vswitchd"), &switch)?;
        wait::until("Open vSwitch to have its data path", START_LIMIT, || {
            running.check_running()?;
            let types = asked(&["get", "Open_vSwitch", ".", "datapath_types"])?;
            ensure!(types.contains("system"), "it has {types}");
            Ok(())
        })?;
        Ok(Self {
            _switch: running,
            _database: serving,
            host: host.clone(),
            folder,
        })
    }

    /// Runs `ovs-vsctl` with these words; returns what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn vsctl(&self, words: &str) -> Result<String> {
        let words: Vec<_> = words.split_whitespace().collect();
        exec::run(&mut vsctl(&self.host, &self.folder, &words))
    }

    /// Where its sockets are: what `OVS_RUNDIR` must be for whoever else talks to it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn vsctl(host: &Namespace, folder: &Path, words: &[&str]) -> Command {
    let mut command = host.command("ovs-vsctl");
    command
        .arg(format!("--db=unix:{}", folder.join("db.sock").display()))
        .arg("--timeout=20")
        .args(words)
        .env("OVS_RUNDIR", folder);
    command
}
