//! Open vSwitch on this node, by its own database: what it has of ours, and changes to that.
//!
//! The database is asked over its socket (RFC 7047) and tells of every change by itself.
//!
//! # Guarantees
//! A change is one transaction, and it is waited until the switch has taken it over. Only ports with
//! the mark of a cluster are ever changed. A node without Open vSwitch pays a look at a path.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};
use weft_node::seen::SeenPlug;
use weft_node::step::Change;

mod frames;
mod line;
mod rows;

mod transaction;

use line::Line;
use rows::Rows;

/// Where the database listens when nobody says otherwise.
pub const USUAL_SOCKET: &str = "/run/openvswitch/db.sock";

/// How long the database may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long the switch may take to make what the database says, and how much longer for each port
/// beyond the first few: each is a device of the kernel, and an emulated one takes a quarter second.
const TAKE_LIMIT: Duration = Duration::from_secs(20);
const TAKE_EACH: Duration = Duration::from_millis(500);
const FEW: usize = 10;
/// How long to wait before a database that went away is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a database that does not answer is left alone.
const MUTE: Duration = Duration::from_secs(30);

/// Why Open vSwitch did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot reach the database of Open vSwitch at {}", socket.display())]
    Reach { socket: PathBuf, source: io::Error },
    #[error("the database of Open vSwitch did not answer within {} s", ANSWER_LIMIT.as_secs())]
    Silent,
    #[error("the database of Open vSwitch refuses: {0}")]
    Refused(String),
    #[error(
        "ovs-vswitchd did not take the change over within {} s: see that it runs",
        limit.as_secs()
    )]
    NotTaken { limit: Duration },
}

/// What changed in Open vSwitch since the last look.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The ports with a mark that changed, as they are now.
    pub(crate) ports: BTreeMap<String, Option<SeenPlug>>,
    /// The names of all bridges, where these changed.
    pub(crate) bridges: Option<BTreeSet<String>>,
}

/// Open vSwitch, where the node has it.
#[derive(Debug)]
pub(crate) struct OpenVswitch {
    socket: PathBuf,
    line: Option<Line>,
    rows: Rows,
    /// Whether the node ever had it while the agent runs.
    is_known: bool,
    /// When the database is asked for next, after it went away or did not answer.
    next_try: Option<Instant>,
}

impl OpenVswitch {
    /// Nothing is asked yet.
    pub(crate) fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            line: None,
            rows: Rows::default(),
            is_known: false,
            next_try: None,
        }
    }

    /// Whether the node has it.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Asks for the database where there may be one, and takes in what it told.
    ///
    /// What is known stays known while it is away.
    pub(crate) async fn look(&mut self) -> News {
        let is_due = self.next_try.is_none_or(|at| at <= Instant::now());
        if self.line.is_none() && is_due && self.socket.exists() {
            match self.connect().await {
                Ok(()) => info!(socket = %self.socket.display(), "Open vSwitch is there"),
                Err(error) => {
                    let wait = match error {
                        Error::Reach { .. } => AGAIN,
                        Error::Silent | Error::Refused(_) | Error::NotTaken { .. } => MUTE,
                    };
                    self.next_try = Some(Instant::now() + wait);
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "Open vSwitch cannot be asked");
                }
            }
        } else if self.line.is_none() && is_due {
            self.next_try = self.is_known.then(|| Instant::now() + AGAIN);
        }
        if let Err(error) = self.take_all() {
            self.lose(&error);
        }
        self.rows.news()
    }

    /// Waits until there is something to look at. May be dropped while it waits.
    pub(crate) async fn heard(&self) {
        match (&self.line, self.next_try) {
            (Some(line), _) => line.heard().await,
            (None, Some(at)) => sleep_until(at).await,
            (None, None) => std::future::pending().await,
        }
    }

    /// Makes these changes to ports of these names, all or none.
    ///
    /// # Errors
    /// When the database cannot be asked or refuses, or the switch does not take them over.
    pub(crate) async fn change(
        &mut self,
        changes: &[(&str, &Change)],
        must_be_taken: bool,
    ) -> Result<(), Error> {
        if self.line.is_none() {
            self.connect().await?;
        }
        let (operations, checks) = transaction::operations(&self.rows, changes);
        let mut words = vec![json!("Open_vSwitch")];
        words.extend(operations);
        let answer = self.ask("transact", &Value::Array(words)).await?;
        let due = transaction::outcome(&answer, &checks).map_err(Error::Refused)?;
        if must_be_taken {
            self.wait_until_taken(due, changes.len()).await?;
        }
        Ok(())
    }

    /// Why the switch could not make a port.
    pub(crate) fn error_of(&self, port: &str) -> Option<&str> {
        self.rows.error_of(port)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let reach = |source| Error::Reach {
            socket: self.socket.clone(),
            source,
        };
        let line = Line::open(&self.socket).await.map_err(reach)?;
        self.line = Some(line);
        let all = self.ask("monitor", &rows::monitor()).await?;
        self.rows.start(&all);
        (self.is_known, self.next_try) = (true, None);
        Ok(())
    }

    async fn wait_until_taken(&mut self, due: i64, changes: usize) -> Result<(), Error> {
        let many = u32::try_from(changes.saturating_sub(FEW)).unwrap_or(u32::MAX);
        let limit = TAKE_LIMIT.saturating_add(TAKE_EACH.saturating_mul(many));
        let end = Instant::now() + limit;
        loop {
            self.take_all().map_err(|source| self.lost(source))?;
            if self.rows.taken() >= due {
                return Ok(());
            }
            let Some(line) = &self.line else {
                return Err(self.lost(io::ErrorKind::NotConnected.into()));
            };
            if timeout_at(end, line.heard()).await.is_err() {
                return Err(Error::NotTaken { limit });
            }
        }
    }

    /// Asks and waits for the answer; what is told meanwhile is taken in.
    async fn ask(&mut self, method: &str, words: &Value) -> Result<Value, Error> {
        let asked = async {
            let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let id = line.say(method, words);
            loop {
                let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
                line.send()?;
                while let Some(message) = line.hear()? {
                    if let Some(answer) = answer_to(&message, id) {
                        return Ok(answer);
                    }
                    take(line, &mut self.rows, &message);
                }
                line.ready().await;
            }
        };
        let answer: Result<Result<Value, String>, io::Error> =
            match timeout_at(Instant::now() + ANSWER_LIMIT, asked).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.lose(&io::ErrorKind::TimedOut.into());
                    return Err(Error::Silent);
                }
            };
        match answer {
            Ok(answer) => answer.map_err(Error::Refused),
            Err(source) => Err(self.lost(source)),
        }
    }

    /// Takes in everything that was told, without waiting.
    fn take_all(&mut self) -> io::Result<()> {
        let Some(line) = self.line.as_mut() else {
            return Ok(());
        };
        while let Some(message) = line.hear()? {
            take(line, &mut self.rows, &message);
        }
        line.send()
    }

    fn lost(&mut self, source: io::Error) -> Error {
        self.lose(&source);
        Error::Reach {
            socket: self.socket.clone(),
            source,
        }
    }

    fn lose(&mut self, error: &io::Error) {
        if self.line.take().is_some() {
            self.next_try = Some(Instant::now() + AGAIN);
            info!(%error, "Open vSwitch is not to be heard any more");
        }
    }
}

/// The answer to the question with this number, if the message is that.
fn answer_to(message: &Value, id: u64) -> Option<Result<Value, String>> {
    if message.get("method").is_some() || message.get("id")?.as_u64()? != id {
        return None;
    }
    Some(match message.get("error") {
        Some(Value::Null) | None => Ok(message.get("result").cloned().unwrap_or_default()),
        Some(error) => Err(error.to_string()),
    })
}

/// Takes in what is not an answer that anyone waits for.
fn take(line: &mut Line, rows: &mut Rows, message: &Value) {
    match message.get("method").and_then(Value::as_str) {
        Some("update") => {
            if let Some(update) = message.pointer("/params/1") {
                rows.take(update);
            }
        }
        // Whoever does not answer this is taken to be gone.
        Some("echo") => line.echo(message),
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests;
