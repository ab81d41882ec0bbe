//! The controller under measurement: a process of our own, with the etcd that it starts.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{SysconfVar, sysconf};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tonic::transport::Channel;

/// How long a controller may take until it leads: longer than its predecessor's lease.
const LEADS: Duration = Duration::from_secs(90);

/// A running controller; dropping it kills it.
pub struct Controller {
    /// Where it listens.
    pub address: SocketAddr,
    folder: PathBuf,
    child: Child,
    pid: u32,
    starts: u32,
    etcd: etcd_client::Client,
}

/// What the controller used and wrote until now.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Seconds on a processor, the etcd not counted.
    pub cpu: f64,
    /// Memory in KiB.
    pub memory: f64,
    /// The etcd's revision, which every write raises by one.
    pub writes: i64,
    /// The size of the etcd's database in KiB, the part that is in use.
    pub stored: f64,
}

/// What the controller holds.
#[derive(Clone, Copy)]
pub struct Held {
    /// Memory in KiB.
    pub memory: f64,
    /// Open files.
    pub files: f64,
    /// Keys in the etcd.
    pub keys: f64,
}

impl Controller {
    /// Starts one that keeps its data in this folder, and waits until it leads.
    pub async fn start(folder: &Path) -> Result<Self> {
        let address = quiet_port()?;
        let (child, pid) = spawn(folder, address, 1)?;
        let etcd = leads(folder, 1).await?;
        Ok(Self {
            address,
            folder: folder.to_owned(),
            child,
            pid,
            starts: 1,
            etcd,
        })
    }

    /// Kills it as a crash would. Its etcd dies with it.
    pub async fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .context("cannot kill the controller")
    }

    /// Starts it again on the same data and address, and waits until it leads.
    pub async fn resume(&mut self) -> Result<()> {
        self.starts += 1;
        (self.child, self.pid) = spawn(&self.folder, self.address, self.starts)?;
        self.etcd = leads(&self.folder, self.starts).await?;
        Ok(())
    }

    /// A connection for users.
    pub async fn channel(&self) -> Result<Channel> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address))?;
        endpoint.connect().await.context("cannot connect as a user")
    }

    /// What it used until now.
    pub async fn usage(&mut self) -> Result<Usage> {
        let status = self.etcd.status().await.context("etcd does not answer")?;
        let header = status.header().context("etcd does not say its revision")?;
        #[expect(clippy::cast_precision_loss, reason = "no database is that large")]
        let stored = status.raft_used_db_size() as f64 / 1024.0;
        Ok(Usage {
            cpu: cpu(self.pid)?,
            memory: memory(self.pid)?,
            writes: header.revision(),
            stored,
        })
    }

    /// What it holds now.
    pub async fn held(&mut self) -> Result<Held> {
        let options = etcd_client::GetOptions::new()
            .with_all_keys()
            .with_count_only();
        let keys = self.etcd.get("", Some(options)).await;
        let keys = keys.context("etcd does not answer")?.count();
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid))?.count();
        #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
        let (files, keys) = (files as f64, keys as f64);
        Ok(Held {
            memory: memory(self.pid)?,
            files,
            keys,
        })
    }
}

/// A port that no outgoing connection takes: one of these, connecting to a port where nobody
/// listens, can meet itself.
fn quiet_port() -> Result<SocketAddr> {
    let first = 20_000 + u16::try_from(std::process::id() % 8_000)?;
    for port in first..first + 100 {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("cannot find a free port from {first} on")
}

fn spawn(folder: &Path, address: SocketAddr, start: u32) -> Result<(Child, u32)> {
    let program = weft_tests::programs::path("weft-controller")?;
    let log = std::fs::File::create(log(folder, start)).context("cannot make the log")?;
    let child = Command::new(program)
        .arg("--listen")
        .arg(address.to_string())
        .arg("--state-dir")
        .arg(folder)
        .args(["--name", "swarm", "--log-format", "json"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot make the log")?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start weft-controller")?;
    let pid = child.id().context("weft-controller ended at once")?;
    Ok((child, pid))
}

fn log(folder: &Path, start: u32) -> PathBuf {
    folder.join(format!("log.{start}"))
}

/// Waits until the log says that it leads, and connects to the etcd that the log names.
async fn leads(folder: &Path, start: u32) -> Result<etcd_client::Client> {
    let limit = Instant::now() + LEADS;
    let endpoint = loop {
        let text = std::fs::read_to_string(log(folder, start)).unwrap_or_default();
        if text.contains("\"head read\"") {
            let (_, rest) = text
                .split_once("\"endpoint\":\"")
                .context("the log does not say where etcd is")?;
            break rest.split('"').next().unwrap_or_default().to_owned();
        }
        let last = text.lines().last().unwrap_or_default();
        ensure!(
            Instant::now() < limit,
            "the controller does not lead: {last}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let connected = etcd_client::Client::connect([endpoint], None).await;
    connected.context("cannot connect to etcd")
}

/// Seconds that a process spent on a processor.
///
/// Fields of `/proc/PID/stat`, counted from one after the name, which is the second.
pub fn cpu(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("the controller ended by itself")?;
    let (_, rest) = text.rsplit_once(") ").context("a process has no name")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("a process has no times")?;
    let a_second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel has no clock")?;
    #[expect(clippy::cast_precision_loss, reason = "it is one hundred")]
    let a_second = a_second as f64;
    Ok((user + system) / a_second)
}

/// Memory that a process holds, in KiB.
pub fn memory(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next());
    let size = size.context("a process has no memory")?;
    Ok(size.parse()?)
}
