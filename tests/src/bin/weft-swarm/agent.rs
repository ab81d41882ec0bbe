//! Simulated agents: real streams, no kernel. They keep the target of a plan, not the plan.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use weft_model::message::{
    Answer, Command, Confirmed, Fence, Found, Hello, Progress, Standing, Target,
};
use weft_model::revision::Epoch;
use weft_proto::convert::message::{answer_to_wire, command, hello_to_wire};
use weft_proto::v1;
use weft_proto::v1::agents_client::AgentsClient;

/// How many connections are being opened at a time: fewer than a listener keeps waiting.
const OPENING: usize = 256;

/// What an agent that lost its controller waits, at least, and how much longer at most.
const PAUSE: Duration = Duration::from_millis(500);
const SPREAD: Duration = Duration::from_millis(1_500);

/// When something last reached an agent, in microseconds of the swarm's clock; zero is never.
#[derive(Default)]
pub struct Seen {
    /// A welcome.
    pub welcome: AtomicU64,
    /// The order to prepare.
    pub prepare: AtomicU64,
    /// The order to apply.
    pub apply: AtomicU64,
    /// The order to confirm.
    pub confirm: AtomicU64,
}

/// All agents, and what reached them.
pub struct Swarm {
    /// What each one saw.
    pub seen: Vec<Seen>,
    /// How many orders came that change what a node has.
    pub changes: AtomicUsize,
    /// How many streams ended.
    pub ended: AtomicUsize,
    clock: Instant,
    opening: Semaphore,
    trouble: Mutex<Option<String>>,
}

/// What a simulated node has.
#[derive(Default)]
struct Node {
    epoch: Epoch,
    confirmed: Confirmed,
    changing: Option<Changing>,
}

struct Changing {
    fence: Fence,
    to: Target,
    applied: bool,
}

impl Swarm {
    /// So many agents, none of which runs yet.
    pub fn of(count: u32) -> Arc<Self> {
        Arc::new(Self {
            seen: (0..count).map(|_| Seen::default()).collect(),
            changes: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            clock: Instant::now(),
            opening: Semaphore::new(OPENING),
            trouble: Mutex::default(),
        })
    }

    /// Runs every agent until the set is dropped.
    pub fn start(self: &Arc<Self>, server: SocketAddr) -> Result<JoinSet<()>> {
        let endpoint = Endpoint::from_shared(format!("http://{server}"))
            .context("cannot name the controller")?
            .connect_timeout(Duration::from_secs(10))
            .buffer_size(Some(4))
            .tcp_nodelay(true);
        let mut running = JoinSet::new();
        for index in 0..self.seen.len() {
            running.spawn(Arc::clone(self).live(index, endpoint.clone()));
        }
        Ok(running)
    }

    /// The time on the swarm's clock.
    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// What an agent could not do last.
    pub fn trouble(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().unwrap_or_default()
    }

    async fn live(self: Arc<Self>, index: usize, endpoint: Endpoint) {
        let mut node = Node::default();
        loop {
            if let Err(error) = self.converse(index, &endpoint, &mut node).await {
                let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                *trouble = Some(format!("{}: {error:#}", name(index)));
            }
            self.ended.fetch_add(1, Ordering::Relaxed);
            let part = u32::try_from(index % 64).unwrap_or_default();
            tokio::time::sleep(PAUSE + SPREAD * part / 64).await;
        }
    }

    async fn converse(&self, index: usize, endpoint: &Endpoint, node: &mut Node) -> Result<()> {
        let turn = self.opening.acquire().await?;
        let channel = endpoint.connect().await.context("cannot connect")?;
        let (up, outbox) = mpsc::channel(4);
        say(&up, v1::up::Message::Hello(node.hello(index))).await?;
        let answer = AgentsClient::new(channel)
            .session(ReceiverStream::new(outbox))
            .await;
        let mut down = answer.context("cannot open a session")?.into_inner();
        drop(turn);
        while let Some(message) = down.message().await.context("the session broke")? {
            let message = message.message.context("an empty message came")?;
            if let Some(answer) = self.hear(index, node, message)? {
                say(&up, v1::up::Message::Answer(answer)).await?;
            }
        }
        Ok(())
    }

    fn hear(
        &self,
        index: usize,
        node: &mut Node,
        down: v1::down::Message,
    ) -> Result<Option<v1::Answer>> {
        let seen = self.seen.get(index).context("there is no such agent")?;
        let now = self.now();
        let wire = match down {
            v1::down::Message::Welcome(_) => {
                seen.welcome.store(now, Ordering::Relaxed);
                return Ok(None);
            }
            v1::down::Message::Plan(_) => anyhow::bail!("a plan came that was not asked for"),
            v1::down::Message::Command(wire) => wire,
        };
        let (fence, command, _) = command(wire).context("a command cannot be read")?;
        match &command {
            Command::Prepare { .. } => seen.prepare.store(now, Ordering::Relaxed),
            Command::Apply => seen.apply.store(now, Ordering::Relaxed),
            Command::Confirm => seen.confirm.store(now, Ordering::Relaxed),
            Command::KeepAlive | Command::Check | Command::Rollback | Command::CatchUp { .. } => {}
        }
        if !matches!(command, Command::KeepAlive | Command::Check) {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        let answer = node.obey(&fence, &command);
        Ok(Some(answer_to_wire(&fence, &answer)))
    }
}

impl Node {
    fn hello(&self, index: usize) -> v1::Hello {
        let standing = match &self.changing {
            None => Standing::Settled,
            Some(changing) => Standing::Unsettled {
                rollout: changing.fence.rollout,
                to: changing.to,
                progress: if changing.applied {
                    Progress::Verified
                } else {
                    Progress::Prepared
                },
            },
        };
        let hello = Hello {
            pin: None,
            epoch: self.epoch,
            confirmed: self.confirmed,
            standing,
        };
        v1::Hello {
            node: name(index),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            facts: Some(facts(index)),
            ..hello_to_wire(&hello)
        }
    }

    fn obey(&mut self, fence: &Fence, command: &Command) -> Answer {
        self.epoch = fence.epoch;
        match command {
            Command::Prepare { to, .. } => {
                self.stage(fence, *to, false);
                Answer::Prepared(Found::steps(1))
            }
            Command::CatchUp { to, .. } => {
                self.stage(fence, *to, true);
                Answer::Verified
            }
            Command::Apply => {
                if let Some(changing) = &mut self.changing {
                    changing.applied = true;
                }
                Answer::Verified
            }
            Command::KeepAlive => Answer::Alive,
            Command::Check => Answer::Verified,
            Command::Confirm => {
                if let Some(changing) = self.changing.take() {
                    self.confirmed = Confirmed {
                        rollout: fence.rollout,
                        target: changing.to,
                    };
                }
                Answer::Confirmed
            }
            Command::Rollback => {
                self.changing = None;
                Answer::RolledBack
            }
        }
    }

    fn stage(&mut self, fence: &Fence, to: Target, applied: bool) {
        self.changing = Some(Changing {
            fence: fence.clone(),
            to,
            applied,
        });
    }
}

/// The name of an agent's node.
pub fn name(index: usize) -> String {
    format!("n{index:05}")
}

/// What such a node says of itself: about as much as a real one.
fn facts(index: usize) -> v1::Facts {
    let address = format!("10.{}.{}.1/16", index / 250, index % 250);
    let link = |name: &str, addresses: Vec<String>| v1::LinkFacts {
        name: name.to_owned(),
        mtu: Some(1_500),
        addresses,
    };
    v1::Facts {
        kernel: "6.8.0".to_owned(),
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        device_types: ["bridge", "vxlan", "veth", "vlan", "vrf"]
            .map(str::to_owned)
            .into(),
        links: vec![
            link("eth0", vec![address]),
            link("eth1", Vec::new()),
            link("lo", vec!["127.0.0.1/8".to_owned()]),
        ],
        default_ipv4: "eth0".to_owned(),
        nft: "1.0.9".to_owned(),
        ..v1::Facts::default()
    }
}

async fn say(up: &mpsc::Sender<v1::Up>, message: v1::up::Message) -> Result<()> {
    let up = up.send(v1::Up {
        message: Some(message),
    });
    up.await.context("the stream is closed")
}
