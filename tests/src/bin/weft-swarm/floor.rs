//! The floor under all figures: as many streams with the h2 crate alone, measured in the same run.
//!
//! # Guarantees
//! The server is a process of its own with two threads, as the controller is, and the clients live
//! where the simulated agents live afterwards: the same kernel, the same processors, the same load
//! of others.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::controller::{cpu, memory};
use crate::figures::Figures;

mod server;

pub use server::serve;

/// The hidden option that makes this program the server.
pub const SERVER: &str = "--floor-server";

/// How many connections are being opened at a time, as with agents.
const OPENING: usize = 256;

/// How often a push is repeated, the worst of them being noted, as with rollouts.
const TIMES: u32 = 3;

/// How long anything may take before it is given up.
const LIMIT: Duration = Duration::from_secs(120);

/// What a client sends back where it is asked to: about as much as an agent's answer.
const ANSWER: &[u8] = &[0; 64];

/// What a push asks of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Nothing: the floor that the goals speak of.
    Only = 0,
    /// A word back at once, as the simulated agents give it.
    Answered = 1,
}

/// Measures the floor for so many streams.
pub async fn run(size: u32, figures: &mut Figures) -> Result<()> {
    let mut server = Server::start().await?;
    let empty = memory(server.pid)?;
    let clients = Clients::of(size);
    let began = Instant::now();
    let _running = clients.start(server.address);
    clients.opened().await?;
    figures.put("floor: all connected, s", began.elapsed().as_secs_f64());
    for (label, push) in [
        ("floor: pushed", Push::Only),
        ("floor: pushed and answered", Push::Answered),
    ] {
        let mut used = 0.0_f64;
        for _ in 0..TIMES {
            let before = cpu(server.pid)?;
            let times = clients.reached_by(push, &mut server).await?;
            // The answers are read after the last push has reached its client.
            sleep(Duration::from_millis(500)).await;
            used = used.max(cpu(server.pid)? - before);
            figures.spread(label, times);
        }
        figures.put(&format!("{label}, processor, s"), used);
    }
    let each = (memory(server.pid)? - empty) / f64::from(size);
    figures.put("floor: memory of one stream, KiB", each);
    Ok(())
}

/// The server's process; dropping it ends it.
struct Server {
    _child: Child,
    pid: u32,
    address: SocketAddr,
    orders: ChildStdin,
}

impl Server {
    async fn start() -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut child = Command::new(own)
            .arg(SERVER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the floor's server")?;
        let pid = child.id().context("the floor's server ended at once")?;
        let orders = child.stdin.take().context("it takes no orders")?;
        let said = child.stdout.take().context("it says nothing")?;
        let mut lines = BufReader::new(said).lines();
        let address = lines.next_line().await?;
        let address = address.context("the floor's server ended at once")?;
        Ok(Self {
            _child: child,
            pid,
            address: address.parse().context("it listens nowhere")?,
            orders,
        })
    }

    async fn order(&mut self, push: Push) -> Result<()> {
        let order = [b'0' + push as u8, b'\n'];
        let written = self.orders.write_all(&order).await;
        written.context("the floor's server is gone")
    }
}

/// Every client, and when a push reached each.
struct Clients {
    seen: Vec<AtomicU64>,
    open: AtomicUsize,
    reached: AtomicUsize,
    clock: Instant,
    opening: Semaphore,
}

impl Clients {
    fn of(count: u32) -> Arc<Self> {
        Arc::new(Self {
            seen: (0..count).map(|_| AtomicU64::default()).collect(),
            open: AtomicUsize::new(0),
            reached: AtomicUsize::new(0),
            clock: Instant::now(),
            opening: Semaphore::new(OPENING),
        })
    }

    fn start(self: &Arc<Self>, server: SocketAddr) -> JoinSet<()> {
        let mut running = JoinSet::new();
        for index in 0..self.seen.len() {
            let clients = Arc::clone(self);
            running.spawn(async move {
                if let Err(error) = clients.live(index, server).await {
                    eprintln!("weft-swarm: a stream of the floor broke: {error:#}");
                }
            });
        }
        running
    }

    async fn live(&self, index: usize, server: SocketAddr) -> Result<()> {
        let turn = self.opening.acquire().await?;
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let (client, connection) = h2::client::handshake(socket).await?;
        let _connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
        let mut client = client.ready().await?;
        let request = http::Request::post("http://floor/").body(())?;
        let (response, mut answers) = client.send_request(request, false)?;
        let mut pushes = response.await?.into_body();
        drop(turn);
        self.open.fetch_add(1, Ordering::Relaxed);
        while let Some(push) = pushes.data().await {
            let push = push?;
            let now = u64::try_from(self.clock.elapsed().as_micros())?;
            if let Some(seen) = self.seen.get(index) {
                seen.store(now, Ordering::Relaxed);
            }
            self.reached.fetch_add(1, Ordering::Relaxed);
            pushes.flow_control().release_capacity(push.len())?;
            if push.first() == Some(&(Push::Answered as u8)) {
                answers.send_data(Bytes::from_static(ANSWER), false)?;
            }
        }
        Ok(())
    }

    async fn opened(&self) -> Result<()> {
        until(&self.open, self.seen.len()).await
    }

    /// When a push reached each, counted from the first.
    async fn reached_by(&self, push: Push, server: &mut Server) -> Result<Vec<f64>> {
        self.reached.store(0, Ordering::Relaxed);
        server.order(push).await?;
        until(&self.reached, self.seen.len()).await?;
        let times = self.seen.iter().map(|seen| seen.load(Ordering::Relaxed));
        let times: Vec<u64> = times.collect();
        let first = times.iter().min().copied().unwrap_or_default();
        let since = |time: &u64| Duration::from_micros(time - first).as_secs_f64();
        Ok(times.iter().map(since).collect())
    }
}

async fn until(count: &AtomicUsize, all: usize) -> Result<()> {
    let limit = Instant::now() + LIMIT;
    while count.load(Ordering::Relaxed) < all {
        ensure!(
            Instant::now() < limit,
            "only {} of the floor's {all} streams answer",
            count.load(Ordering::Relaxed)
        );
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
