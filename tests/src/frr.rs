//! FRR on a node: its daemons, each with sockets in a folder of the lab.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::exec;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::process::Process;
use crate::wait;

mod release;

pub use release::Release;

/// How long a daemon may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Running daemons.
#[derive(Debug)]
pub struct Frr {
    release: Release,
    daemons: BTreeMap<String, Process>,
    lab: Lab,
    host: Namespace,
    folder: PathBuf,
    shell: PathBuf,
}

/// Where the sockets of a host's daemons are, and its file, whether they run or not.
pub fn folder(lab: &Lab, host: &Namespace) -> PathBuf {
    lab.folder().join(format!("{}.frr", host.name()))
}

impl Frr {
    /// Starts zebra and these daemons on a host, with nothing configured.
    ///
    /// # Errors
    /// When a daemon is not there, or does not listen.
    pub fn start(lab: &Lab, host: &Namespace, daemons: &[&str]) -> Result<Self> {
        Self::start_of(Release::Machine, lab, host, daemons)
    }

    /// As [`Self::start`], of this FRR; mgmtd too, where it has one.
    ///
    /// # Errors
    /// When a daemon is not there, or does not listen.
    pub fn start_of(
        release: Release,
        lab: &Lab,
        host: &Namespace,
        daemons: &[&str],
    ) -> Result<Self> {
        let folder = folder(lab, host);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        exec::run(Command::new("chown").arg("frr:frr").arg(&folder))?;
        std::fs::write(folder.join("frr.conf"), "! of the host's own\n")
            .context("cannot write FRR's file")?;
        let mut frr = Self {
            release,
            daemons: BTreeMap::new(),
            lab: lab.clone(),
            host: host.clone(),
            shell: release.shell(&folder)?,
            folder,
        };
        for daemon in release.always().iter().chain(daemons) {
            frr.start_one(daemon)?;
        }
        Ok(frr)
    }

    /// Starts one daemon, with nothing configured.
    ///
    /// # Errors
    /// When it is not there, or does not listen.
    pub fn start_one(&mut self, daemon: &str) -> Result<()> {
        let socket = self.run().join(format!("{daemon}.vty"));
        // One that was killed left its own behind.
        let _ = std::fs::remove_file(&socket);
        let mut command = self.release.command(&self.host, &self.folder, daemon)?;
        command
            .args(["--log", "stdout", "--vty_socket"])
            .arg(self.run())
            .arg("-z")
            .arg(self.run().join("zserv.api"))
            .arg("-i")
            .arg(self.run().join(format!("{daemon}.pid")));
        let name = format!("{}-{daemon}", self.host.name());
        let process = Process::start(&self.lab, &name, &command)?;
        self.daemons.insert(daemon.to_owned(), process);
        wait::until(&format!("{daemon} to listen"), START_LIMIT, || {
            self.vtysh(&["show version"]).and_then(|_| {
                ensure!(socket.exists(), "no {}", socket.display());
                Ok(())
            })
        })?;
        Ok(())
    }

    /// Ends one daemon as a crash would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self, daemon: &str) -> Result<()> {
        let mut process = self.daemons.remove(daemon).context("no such daemon")?;
        process.kill()
    }

    /// Has one daemon stand still: it takes connections and does not answer.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&mut self, daemon: &str) -> Result<()> {
        let process = self.daemons.get_mut(daemon).context("no such daemon")?;
        process.signal(Signal::SIGSTOP)
    }

    /// The folder of the sockets.
    pub fn run(&self) -> &Path {
        &self.folder
    }

    /// Its shell, for who speaks to it by that.
    pub fn shell(&self) -> &Path {
        &self.shell
    }

    /// The file that it would read when it starts.
    pub fn file(&self) -> PathBuf {
        self.folder.join("frr.conf")
    }

    /// Has the daemons told or asked something by a person.
    ///
    /// # Errors
    /// When one refuses.
    pub fn vtysh(&self, commands: &[&str]) -> Result<String> {
        let mut vtysh = self.host.command(&self.shell);
        vtysh.arg("--vty_socket").arg(self.run());
        for command in commands {
            vtysh.args(["-c", command]);
        }
        exec::run(&mut vtysh)
    }
}
