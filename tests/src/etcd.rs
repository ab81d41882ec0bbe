//! The etcd that runs by itself: one member beside the controller, or three on hosts of their own,
//! of which each can be killed, frozen and cut off alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::exec;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::power;
use crate::process::Process;

/// Where members listen for clients, and for each other.
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;

/// Where a member is to run.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its name among the members, and that of its log.
    pub name: String,
    /// Its host.
    pub host: Namespace,
    /// The host's address, as URLs have it.
    pub address: String,
}

/// From whom a member is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// From the other members: clients reach it, and it knows nothing new.
    Peers,
    /// From everybody.
    All,
}

/// A member, running or not; its data stay.
#[derive(Debug)]
pub struct Member {
    lab: Lab,
    seat: Seat,
    peers: String,
    flags: Vec<String>,
    process: Option<Process>,
}

/// The members that sit there, none of them started.
pub fn members(lab: &Lab, seats: Vec<Seat>, flags: &[&str]) -> Vec<Member> {
    let peers: Vec<String> = seats
        .iter()
        .map(|seat| format!("{}={}", seat.name, seat.url(PEERS)))
        .collect();
    let peers = peers.join(",");
    let member = |seat| Member {
        lab: lab.clone(),
        seat,
        peers: peers.clone(),
        flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        process: None,
    };
    seats.into_iter().map(member).collect()
}

impl Seat {
    fn url(&self, port: u16) -> String {
        format!("http://{}:{port}", self.address)
    }
}

impl Member {
    /// Where clients find it.
    pub fn endpoint(&self) -> String {
        self.seat.url(CLIENTS)
    }

    /// Starts it, with the data that it left; it may take a while until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let Seat { name, host, .. } = &self.seat;
        let (clients, peers) = (self.seat.url(CLIENTS), self.seat.url(PEERS));
        let mut command = host.command("etcd");
        command
            .args(["--name", name, "--logger", "zap", "--data-dir"])
            .arg(self.state())
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &self.peers])
            .args(&self.flags);
        // Where processes are killed and machines are not, what is written is there.
        if power::boot().is_none() {
            command.arg("--unsafe-no-fsync");
        }
        self.process = Some(Process::start(&self.lab, name, &command)?);
        Ok(())
    }

    /// Copies its data, as a backup has them.
    ///
    /// # Errors
    /// When it runs, or the data cannot be copied.
    pub fn back_up(&self) -> Result<()> {
        ensure!(!self.is_started(), "its data change");
        copy(&self.state(), &self.backup())
    }

    /// Puts the copy in the place of its data.
    ///
    /// # Errors
    /// When it runs, or there is no copy.
    pub fn restore(&self) -> Result<()> {
        ensure!(!self.is_started(), "its data are in use");
        std::fs::remove_dir_all(self.state()).context("cannot remove the data")?;
        copy(&self.backup(), &self.state())
    }

    fn backup(&self) -> PathBuf {
        self.state().with_extension("backup")
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        let name = &self.seat.name;
        let process = self.process.as_mut();
        process.with_context(|| format!("{name} does not run"))
    }

    /// Whether it was started, and not killed since.
    pub fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// Lets it stand still; connections to it stay open, and nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&mut self) -> Result<()> {
        self.process()?.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&mut self) -> Result<()> {
        self.process()?.signal(Signal::SIGCONT)
    }

    /// Cuts it off until [`Member::join`].
    ///
    /// # Errors
    /// When the host's packet filter refuses.
    pub fn cut(&self, from: Cut) -> Result<()> {
        let ports = match from {
            Cut::Peers => format!("{PEERS}"),
            Cut::All => format!("{{ {CLIENTS}, {PEERS} }}"),
        };
        let chain = |hook: &str, device: &str| {
            format!(
                "chain {hook} {{ type filter hook {hook} priority -10; {device} lo accept; \
                 tcp dport {ports} drop; tcp sport {ports} drop; }}\n"
            )
        };
        let rules = [chain("input", "iifname"), chain("output", "oifname")].concat();
        let rules = format!("table inet cut {{\n{rules}}}");
        exec::run(self.seat.host.command("nft").arg(rules)).map(|_| ())
    }

    /// Undoes [`Member::cut`].
    ///
    /// # Errors
    /// When it was not cut off.
    pub fn join(&self) -> Result<()> {
        let undo = self
            .seat
            .host
            .command("nft")
            .arg("delete table inet cut")
            .output();
        let undo = undo.context("cannot run nft")?;
        ensure!(undo.status.success(), "{undo:?}");
        Ok(())
    }

    /// Runs etcdctl beside it, for this member alone, which must end well.
    ///
    /// # Errors
    /// When it does not, with what it said.
    pub fn ctl(&self, words: &[&str]) -> Result<String> {
        exec::run(&mut self.ctl_command(words))
    }

    /// The command that runs etcdctl beside it, for this member alone.
    pub fn ctl_command(&self, words: &[&str]) -> Command {
        let mut command = self.seat.host.command("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint()])
            .args(["--dial-timeout=1s", "--command-timeout=5s"])
            .args(words);
        command
    }

    /// Fails unless it answers a read that a majority stands by.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self) -> Result<()> {
        self.ctl(&["get", "nothing", "--command-timeout=1s"])
            .map(|_| ())
    }

    /// Whether it leads the members, as far as it knows.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn leads(&self) -> Result<bool> {
        let status = self.status()?;
        let own = status.pointer("/header/member_id");
        Ok(own.is_some() && own == status.get("leader"))
    }

    /// The revision that it is at.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn revision(&self) -> Result<u64> {
        let status = self.status()?;
        let revision = status.pointer("/header/revision");
        let revision = revision.and_then(serde_json::Value::as_u64);
        revision.with_context(|| format!("no revision in {status}"))
    }

    fn status(&self) -> Result<serde_json::Value> {
        let said = self.ctl(&["endpoint", "status", "-w", "json"])?;
        let all: serde_json::Value = serde_json::from_str(&said).context("no status")?;
        let own = all.pointer("/0/Status");
        own.cloned().with_context(|| format!("no status in {said}"))
    }

    fn state(&self) -> PathBuf {
        let folder = self.lab.folder();
        folder.join(format!("{}.state", self.seat.name))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    exec::run(command.arg("-a").arg(from).arg(to)).map(drop)
}
