//! A program of the lab that goes on running: its log, its end.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exec;
use crate::lab::Lab;
use crate::wait;

/// How long a program may take to stop when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running program; it is killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command that logs to `<name>.log` in the lab's folder, after what is there.
    ///
    /// The program dies with the thread that started it, however that ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(lab: &Lab, name: &str, command: &Command) -> Result<Self> {
        let log = lab.folder().join(format!("{name}.log"));
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&log)
                .with_context(|| format!("cannot open {}", log.display()))
        };
        let mut wrapped = Command::new("setpriv");
        wrapped
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            // Not in our group: an interrupt at the terminal is ours to answer, in order.
            .process_group(0);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        let child = wrapped
            .spawn()
            .with_context(|| format!("cannot run {}", exec::typed(command)))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// When it has ended, with how.
    pub fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("{} ended with {status}", self.name),
            Err(error) => Err(error).context("cannot look after a child"),
        }
    }

    /// Asks it to stop, and waits until it did.
    ///
    /// # Errors
    /// When it does not.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(STOP_LIMIT)
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait(STOP_LIMIT).map(|_| ())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is not running.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.check_running()?;
        let pid = i32::try_from(self.child.id()).context("a process id out of range")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("cannot end {}", self.name))
    }

    /// Waits until it ended by itself.
    ///
    /// # Errors
    /// When it goes on for longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        let child = &mut self.child;
        let (status, _) = wait::until(&what, limit, || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it runs".to_owned()),
            Err(error) => Err(error.to_string()),
        })?;
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
