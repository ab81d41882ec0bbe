//! The FRR of this node.
//!
//! # Guarantees
//! * Where nothing is wanted of it and nothing of it is ours, no more is looked at than which sockets
//!   it has, for the facts.
//! * What was said is read back. A daemon that died and is back is another process, and is told
//!   everything again by whoever compares.
//!
//! # Never
//! Starts, stops or reloads a daemon, or hands it a file.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::time::{Instant, sleep_until};
use tracing::warn;
use weft_model::facts::FrrFacts;
use weft_node::frr::config::Config;
use weft_node::frr::daemon::Daemon;
use weft_node::frr::difference::SeenFrr;
use weft_node::frr::step::{Act, Saying, Written};

pub mod kept;
pub mod state;
mod talk;
pub mod vty;
mod vtysh;

mod presence;
mod session;

mod tell;

use kept::{Identity, Kept, KeptError};
use presence::Presence;
use session::Session;
use vty::Vty;

/// How often it is seen whether the daemons are still the same processes: some `stat` calls.
const SOCKETS: Duration = Duration::from_secs(1);
/// The same, where nothing is wanted of them.
const PRESENCE: Duration = Duration::from_secs(10);
/// How often their configuration is read, for FRR tells nobody of changes: 2.4 ms for 5,000 lines.
const TEXT: Duration = Duration::from_secs(10);

/// Where FRR is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder of the daemons' sockets.
    pub run: PathBuf,
    /// The file that FRR reads when it starts; our part of it is kept there.
    pub file: PathBuf,
    /// What is ours, for the agent itself.
    pub kept: PathBuf,
    /// FRR's shell.
    pub vtysh: PathBuf,
}

/// What changed since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What the daemons have.
    pub configuration: bool,
    /// What the node says of its FRR.
    pub facts: bool,
}

/// The FRR of this node.
#[derive(Debug)]
pub struct Frr {
    settings: Settings,
    is_wanted: bool,
    kept: Kept,
    presence: Presence,
    sessions: BTreeMap<Daemon, Session>,
    seen: Option<Arc<SeenFrr>>,
    due: bool,
    look_at: Instant,
    text_at: Instant,
}

impl Frr {
    /// The FRR at this place. Nothing is asked of it yet.
    pub fn new(settings: Settings) -> Self {
        let mut kept = Kept::read(&settings.kept).unwrap_or_else(|error| {
            warn!(%error, "it is not known what of FRR's configuration is Weft's");
            Kept::default()
        });
        if kept == Kept::default() && settings.kept.parent().is_some_and(|it| it.exists()) {
            // The agent's own disk was lost, FRR's was not.
            kept.written = kept::ours_in_file(&settings.file);
        }
        let now = Instant::now();
        Self {
            settings,
            is_wanted: false,
            kept,
            presence: Presence::default(),
            sessions: BTreeMap::new(),
            seen: None,
            due: true,
            look_at: now,
            text_at: now,
        }
    }

    /// Says whether a plan wants something of it; the next look reads everything.
    pub fn mind(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
        self.due = true;
        self.text_at = Instant::now();
    }

    fn is_minded(&self) -> bool {
        self.is_wanted || !self.kept.written.is_empty()
    }

    /// What it has, as of the last look.
    pub fn seen(&self) -> Option<&Arc<SeenFrr>> {
        self.seen.as_ref()
    }

    /// Waits until it is time to look. May be dropped.
    pub async fn heard(&mut self) {
        sleep_until(self.look_at).await;
        self.due = true;
    }

    /// Looks where it is time to; says what changed.
    pub async fn look(&mut self, now: bool) -> Found {
        if !self.due && !now {
            return Found::default();
        }
        self.due = false;
        let every = if self.is_minded() { SOCKETS } else { PRESENCE };
        self.look_at = Instant::now() + every;
        let facts = self.presence.look(&self.settings.run).await;
        let configuration = self.look_at_configuration(now).await;
        Found {
            configuration,
            facts,
        }
    }

    async fn look_at_configuration(&mut self, now: bool) -> bool {
        if !self.is_minded() {
            self.sessions.clear();
            return self.seen.take().is_some();
        }
        let is_time = now || Instant::now() >= self.text_at || self.seen.is_none();
        if !is_time && self.are_the_same() {
            return false;
        }
        self.text_at = Instant::now() + TEXT;
        self.read().await
    }

    /// What the node says of it.
    pub async fn facts(&mut self) -> Option<FrrFacts> {
        self.presence.look(&self.settings.run).await;
        self.presence.facts().cloned()
    }

    /// Has the next look read everything.
    pub fn expire(&mut self) {
        self.due = true;
        self.text_at = Instant::now();
    }

    fn number(&self, daemon: Daemon) -> Option<u64> {
        number(&self.settings.run, daemon)
    }

    fn are_the_same(&self) -> bool {
        Daemon::EACH.iter().all(|daemon| {
            let had = self.sessions.get(daemon).map(|session| session.identity);
            let is_alive = had.is_none_or(|had| is_alive(had.pid));
            is_alive && had.map(|had| had.socket) == self.number(*daemon)
        })
    }

    async fn read(&mut self) -> bool {
        for daemon in Daemon::EACH.iter().copied() {
            let mut session = self.sessions.remove(&daemon);
            let number = self.number(daemon);
            let is_same = |session: &Session| Some(session.identity.socket) == number;
            if !session.as_ref().is_some_and(is_same) {
                session = None;
            }
            // Dropped on the way, a connection is gone, and made anew the next time.
            let read = match session {
                Some(session) => match session.read(daemon).await {
                    Some(session) => Some(session),
                    // It may have ended only the connection.
                    None => self.open(daemon).await,
                },
                None => self.open(daemon).await,
            };
            self.sessions.extend(read.map(|session| (daemon, session)));
        }
        let seen = self.together().await.map(Arc::new);
        let has_changed = seen != self.seen;
        self.seen = seen;
        has_changed
    }

    async fn open(&self, daemon: Daemon) -> Option<Session> {
        let number = self.number(daemon)?;
        let vty = Vty::open(&socket(&self.settings.run, daemon)).await.ok()?;
        let identity = Identity {
            pid: vty.pid().unwrap_or_default(),
            socket: number,
        };
        let session = Session {
            vty,
            identity,
            text: String::new(),
            config: Arc::default(),
        };
        session.read(daemon).await
    }

    /// What all daemons have.
    async fn together(&self) -> Option<SeenFrr> {
        let version = self.sessions.values().next()?.version()?;
        let mut seen = SeenFrr {
            version,
            running: BTreeMap::new(),
            written: self.kept.written.clone(),
            silent: BTreeMap::new(),
        };
        if version.is_known() {
            for (daemon, session) in &self.sessions {
                seen.running.insert(*daemon, Config::clone(&session.config));
                if let Some(silent) = self.kept.silent_of(*daemon, session.identity) {
                    seen.silent.insert(*daemon, silent.clone());
                }
            }
        } else {
            let text = vtysh::running(&self.settings).await.ok()?;
            seen.running.insert(Daemon::All, Config::parse(&text));
        }
        Some(seen)
    }

    /// Has what would be said checked against FRR's language; no daemon is told.
    ///
    /// # Errors
    /// What is wrong with it. Where there is no `vtysh`, nothing is found.
    pub async fn check(&self, sayings: &[&Saying]) -> Result<(), String> {
        let mut text = Config::default();
        for command in sayings.iter().flat_map(|saying| &saying.commands) {
            match &command.act {
                Act::Add(line) => text.add(&command.place, line.as_str()),
                Act::Open => drop(text.open(&command.place)),
                Act::Remove(_) | Act::Forget(_) | Act::Close => {}
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        match vtysh::check(&self.settings, &text.to_string()).await {
            Err(vtysh::VtyshError::Refused(said)) => Err(said),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Notes what is ours from now on, and writes our part of FRR's own file.
    ///
    /// # Errors
    /// When it cannot be noted. That FRR's own file cannot be written is only told: the agent says it
    /// all again when FRR starts.
    pub fn keep(&mut self, written: &Written) -> Result<(), KeptError> {
        self.kept.written = written.clone();
        self.kept.write(&self.settings.kept)?;
        if let Err(error) = kept::write_file(&self.settings.file, written) {
            warn!(%error, "FRR will start without Weft's part, until the agent tells it");
        }
        if let Some(seen) = &mut self.seen {
            Arc::make_mut(seen).written = written.clone();
        }
        Ok(())
    }
}

/// Where a daemon listens.
fn socket(run: &Path, daemon: Daemon) -> PathBuf {
    run.join(format!("{daemon}.vty"))
}

/// The number of a daemon's socket, where it has one.
fn number(run: &Path, daemon: Daemon) -> Option<u64> {
    let socket = std::fs::metadata(socket(run, daemon)).ok()?;
    Some(socket.ino())
}

/// Whether a process is there. `/proc` does not show the agent those of others.
fn is_alive(pid: i32) -> bool {
    pid == 0 || kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}
