//! An etcd of the controller's own: one member, as a child process, on loopback.
//!
//! # Guarantees
//! The child does not outlive the controller, however that ends: the kernel kills it when the
//! thread that started it ends, and that thread lives as long as the child.
//!
//! # Assumes
//! Whoever may open a connection on loopback may do everything: this is for one machine and for
//! trials.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How to run the child.
#[derive(Clone, Debug)]
pub struct ChildOptions {
    /// Where it keeps its data.
    pub directory: PathBuf,
    /// The program: a path, or a name to look for.
    pub program: PathBuf,
    /// The port for clients on loopback; `None` takes a free one.
    pub port: Option<u16>,
    /// Whether data must survive a power failure.
    pub durability: Durability,
}

impl ChildOptions {
    /// The etcd that is installed, on a free port, with its data in the directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            program: "etcd".into(),
            port: None,
            durability: Durability::Durable,
        }
    }
}

/// Whether data must survive a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every write is on disk before it is answered.
    Durable,
    /// Writes are on disk when the kernel likes: for tests.
    Fast,
}

/// A running etcd; dropping it kills it.
pub struct ChildEtcd {
    endpoint: String,
    pid: Pid,
    ended: watch::Receiver<Option<String>>,
}

/// The child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program is missing.
    #[error(
        "cannot find the program {program}: install it (apt install etcd-server), or name a \
         running etcd with --etcd"
    )]
    Find {
        /// The program.
        program: PathBuf,
    },
    /// The directory cannot be made.
    #[error("cannot make the directory {directory} for etcd")]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no free port.
    #[error("cannot find a free port for etcd")]
    Port {
        /// Why.
        source: io::Error,
    },
    /// It cannot be run.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("etcd in {directory} ended before it was ready: {reason}")]
    Ended {
        /// Where its data is.
        directory: PathBuf,
        /// How it ended, and what it said last.
        reason: String,
    },
    /// It runs and does not answer.
    #[error(
        "etcd in {directory} does not become ready: does another one use the same directory? {said}"
    )]
    NotReady {
        /// Where its data is.
        directory: PathBuf,
        /// What it said last.
        said: String,
    },
}

/// How long an etcd may take to read its data before it answers.
const READY: Duration = Duration::from_secs(60);

/// How long an etcd may take to end when asked to.
const STOP: Duration = Duration::from_secs(5);

/// How often another free port is tried when someone was faster.
const TRIES: usize = 5;

/// How much of what it says is kept for an error.
const LINES: usize = 10;

impl ChildEtcd {
    /// Starts etcd and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready.
    pub async fn start(options: ChildOptions) -> Result<Self, ChildError> {
        let program = find(&options.program)?;
        std::fs::create_dir_all(&options.directory).map_err(|source| ChildError::Directory {
            directory: options.directory.clone(),
            source,
        })?;
        let mut tries = 0;
        loop {
            tries += 1;
            let port = match options.port {
                Some(port) => port,
                None => free_port().map_err(|source| ChildError::Port { source })?,
            };
            match Self::start_on(&options, &program, port).await {
                Err(ChildError::Ended { reason, .. })
                    if options.port.is_none()
                        && tries < TRIES
                        && reason.contains("address already in use") => {}
                started => return started,
            }
        }
    }

    async fn start_on(
        options: &ChildOptions,
        program: &Path,
        port: u16,
    ) -> Result<Self, ChildError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let said = Said::default();
        let (ends, ended) = watch::channel(None);
        let (starts, started) = tokio::sync::oneshot::channel();
        let mut command = command(options, program, address);
        let lines = said.clone();
        let watching = move || match command.spawn() {
            Ok(child) => {
                // The receiver waits for this and for nothing else.
                let _ = starts.send(Ok(child.id()));
                ends.send_replace(Some(attend(child, &lines)));
            }
            Err(error) => {
                let _ = starts.send(Err(error));
            }
        };
        let start = |source| ChildError::Start {
            program: program.to_owned(),
            source,
        };
        // A thread of its own: the kernel kills the child when the thread that started it ends.
        std::thread::Builder::new()
            .name("etcd".to_owned())
            .spawn(watching)
            .map_err(start)?;
        let pid = started.await;
        let pid = pid.unwrap_or_else(|closed| Err(io::Error::other(closed)));
        let mut etcd = Self {
            endpoint: format!("http://{address}"),
            pid: Pid::from_raw(pid.map_err(start)?.cast_signed()),
            ended,
        };
        etcd.ready(options, address, &said).await?;
        Ok(etcd)
    }

    async fn ready(
        &mut self,
        options: &ChildOptions,
        address: SocketAddr,
        said: &Said,
    ) -> Result<(), ChildError> {
        let directory = || options.directory.clone();
        let limit = Instant::now() + READY;
        while Instant::now() < limit {
            let ended = self.ended.borrow().clone();
            if let Some(reason) = ended {
                return Err(ChildError::Ended {
                    directory: directory(),
                    reason,
                });
            }
            let asked = timeout(Duration::from_secs(2), is_healthy(address)).await;
            if matches!(asked, Ok(Ok(true))) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(ChildError::NotReady {
            directory: directory(),
            said: said.last(),
        })
    }

    /// Where it listens, as `--etcd` takes it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Waits until the child ended, which it does not do by itself, and says how. Cancel-safe.
    pub async fn exited(&mut self) -> String {
        let ended = self.ended.wait_for(Option::is_some).await;
        let reason = ended.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "nobody knows how".to_owned())
    }

    /// Stops it gently.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        if timeout(STOP, self.exited()).await.is_err() {
            tracing::warn!(pid = %self.pid, "etcd does not end, and is killed");
        }
    }

    fn signal(&self, signal: Signal) {
        // While it is not known to have ended its id is its own: only its thread collects it.
        if self.ended.borrow().is_none()
            && let Err(error) = kill(self.pid, signal)
        {
            tracing::debug!(%error, pid = %self.pid, "etcd took no signal");
        }
    }
}

impl Drop for ChildEtcd {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// The last lines that the child said.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Said {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn last(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.join("\n")
    }
}

/// Listens to the child until it ends; returns how it ended.
fn attend(mut child: Child, said: &Said) -> String {
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            tracing::debug!(target: "weft_controller::etcd", line);
            said.push(line);
        }
    }
    match child.wait() {
        Ok(status) => format!("{status}: {}", said.last()),
        Err(error) => format!("{error}: {}", said.last()),
    }
}

fn command(options: &ChildOptions, program: &Path, address: SocketAddr) -> Command {
    let clients = format!("http://{address}");
    // Nobody ever connects to it: the one member has no peers.
    let peers = "http://127.0.0.1:2380";
    // setpriv is part of every Debian; it asks the kernel for the signal, then becomes etcd.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .arg("--data-dir")
        .arg(options.directory.join("data"))
        .args(["--name", "weft", "--initial-cluster-token", "weft"])
        .args([
            "--listen-client-urls",
            &clients,
            "--advertise-client-urls",
            &clients,
        ])
        .args(["--listen-peer-urls", "http://127.0.0.1:0"])
        .args(["--initial-advertise-peer-urls", peers])
        .args(["--initial-cluster", &format!("weft={peers}")])
        // The controller compacts by itself, with a wide margin.
        .args(["--auto-compaction-retention", "0"])
        .args(["--quota-backend-bytes", "8589934592"])
        .args([
            "--logger",
            "zap",
            "--log-outputs",
            "stderr",
            "--log-level",
            "warn",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.args(progress(program));
    if options.durability == Durability::Fast {
        command.arg("--unsafe-no-fsync");
    }
    // What the surroundings say to some other etcd is not for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    command
}

/// The option that makes an idle watch say now and then how far it is; 3.6 gave it another name.
fn progress(program: &Path) -> [&'static str; 2] {
    let said = Command::new(program).arg("--version").output();
    let said = said.map_or_else(|_| Vec::new(), |output| output.stdout);
    let said = String::from_utf8_lossy(&said).into_owned();
    let older = ["3.3.", "3.4.", "3.5."].iter().any(|series| {
        said.lines()
            .next()
            .is_some_and(|line| line.contains(&format!("Version: {series}")))
    });
    if older {
        ["--experimental-watch-progress-notify-interval", "30s"]
    } else {
        ["--watch-progress-notify-interval", "30s"]
    }
}

fn find(program: &Path) -> Result<PathBuf, ChildError> {
    let found = if program.components().count() > 1 {
        Some(program.to_owned())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            // Where Debian has it, for those who run with a short path.
            .chain([PathBuf::from("/usr/bin")])
            .map(|directory| directory.join(program))
            .find(|file| file.is_file())
    };
    found
        .filter(|file| file.is_file())
        .ok_or_else(|| ChildError::Find {
            program: program.to_owned(),
        })
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

async fn is_healthy(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.contains("\"health\":\"true\""))
}
