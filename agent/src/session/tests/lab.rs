//! A node without a kernel, and how it meets a controller.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use weft_model::clock::Span;
use weft_model::message::{Answer, Command, Lease, Target};
use weft_model::plan::link::{Bridge, Link, LinkKind};
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::revision::RevisionId;
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::seen::Seen;
use weft_node::step::Step;
use weft_proto::convert::plan;
use weft_proto::{digest, v1};

use super::desk::{Desk, Stream};
use super::*;
use crate::fake::{Fake, FakeDriver, Never};

/// Longer than anything takes here, short enough to find out what hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const LEASE: Lease = Lease {
    contact: Span::from_secs(30),
    cap: Span::from_secs(600),
};

pub(super) const SHORT: Lease = Lease {
    contact: Span(700),
    cap: Span::from_secs(600),
};

pub(super) async fn soon<T>(what: &str, thing: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, thing).await {
        Ok(thing) => thing,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub(super) fn cluster() -> ClusterId {
    ClusterId::from_bytes([1; 16])
}

pub(super) fn plan_of(names: &[&str]) -> NodePlan {
    names
        .iter()
        .map(|name| {
            Entry::Link(Link {
                mtu: Some(1450.try_into().unwrap()),
                ..Link::plain(
                    name.parse().unwrap(),
                    Origin::Zone {
                        zone: "prod".parse().unwrap(),
                        vnet: Some(name.parse().unwrap()),
                    },
                    LinkKind::Bridge(Bridge::default()),
                )
            })
        })
        .collect()
}

pub(super) fn target(revision: u64, plan: &NodePlan) -> Target {
    Target {
        revision: RevisionId(revision),
        digest: digest::plan(plan),
    }
}

pub(super) fn delta(from: &NodePlan, to: &NodePlan) -> v1::PlanDelta {
    plan::delta_to_wire(&from.delta(to), digest::plan(from), digest::plan(to))
}

/// A kernel in memory whose changes can be held up.
struct Held {
    inner: FakeDriver,
    open: watch::Receiver<bool>,
}

impl Driver for Held {
    type Error = Never;

    fn seen(&self) -> &Seen {
        self.inner.seen()
    }

    async fn look(&mut self) -> Result<Changes, Never> {
        self.inner.look().await
    }

    async fn look_again(&mut self) -> Result<(), Never> {
        self.inner.look_again().await
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    async fn perform(&mut self, steps: &[Step]) -> Vec<Failure> {
        let _ = self.open.wait_for(|open| *open).await;
        self.inner.perform(steps).await
    }

    async fn facts(&mut self) -> Facts {
        self.inner.facts().await
    }

    fn may_switch(&self) -> bool {
        true
    }
}

/// A node: its disk and its kernel, whether or not its agent runs.
pub(super) struct Node {
    pub(super) directory: tempfile::TempDir,
    pub(super) fake: Fake,
    pub(super) gate: watch::Sender<bool>,
    pub(super) boot: &'static str,
    pub(super) sight: Sight,
    controllers: Vec<Controller>,
}

/// An agent that runs.
pub(super) struct Agent {
    pub(super) stop: CancellationToken,
    pub(super) retry: Arc<Notify>,
    pub(super) ready: oneshot::Receiver<()>,
    task: JoinHandle<Result<(), SessionError>>,
}

impl Node {
    pub(super) fn new(controllers: &[SocketAddr]) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            fake: Fake::new(),
            gate: watch::Sender::new(true),
            boot: "first",
            sight: Sight::default(),
            controllers: controllers
                .iter()
                .map(|address| format!("http://{address}").parse().unwrap())
                .collect(),
        }
    }

    /// Gives the node other controllers.
    pub(super) fn know(&mut self, controllers: &[SocketAddr]) {
        self.controllers = Self::new(controllers).controllers;
    }

    pub(super) async fn start(&self) -> Agent {
        let memory = Memory::open(self.directory.path()).unwrap();
        let driver = Held {
            inner: FakeDriver::new(self.fake.clone()),
            open: self.gate.subscribe(),
        };
        let opened = dataplane::open_with(driver, memory.cluster()).await;
        let (ready, is_ready) = oneshot::channel();
        let (stop, retry) = (CancellationToken::new(), Arc::new(Notify::new()));
        let settings = Settings {
            node: "node1".parse().unwrap(),
            controllers: self.controllers.clone(),
            boot: BootId(self.boot.to_owned()),
            ready,
            pulse: None,
            retry: Arc::clone(&retry),
            surroundings: Surroundings {
                sight: self.sight.clone(),
                ..Surroundings::default()
            },
        };
        Agent {
            task: tokio::spawn(run(settings, memory, opened, stop.clone())),
            stop,
            retry,
            ready: is_ready,
        }
    }

    /// What a restart of the host does.
    pub(super) fn reboot(&mut self) {
        self.fake = Fake::new();
        self.boot = "second";
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fake.seen().named(name).is_some_and(|link| link.up)
    }

    pub(super) fn journal(&self) -> Journal {
        ledger::read(self.directory.path()).unwrap().0.unwrap()
    }

    pub(super) fn plans(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path().join("plans")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    pub(super) fn plan_file(&self, plan: &NodePlan) -> PathBuf {
        let name = format!("{}.plan", digest::plan(plan));
        self.directory.path().join("plans").join(name)
    }
}

impl Agent {
    pub(super) async fn stopped(self) {
        self.stop.cancel();
        soon("the stop", self.task).await.unwrap().unwrap();
    }

    pub(super) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// A controller, a node, and an agent on it that was welcomed.
pub(super) async fn meet() -> (Desk, Node, Agent, Stream) {
    let mut desk = Desk::open().await;
    let node = Node::new(&[desk.address]);
    let agent = node.start().await;
    let stream = desk.accept().await;
    (desk, node, agent, stream)
}

/// The same, with a plan confirmed by rollout 1 at revision 1.
pub(super) async fn settled(plan: &NodePlan) -> (Desk, Node, Agent, Stream) {
    let (mut desk, node, agent, mut stream) = meet().await;
    let nothing = NodePlan::default();
    let prepared = stream.prepare(1, (0, &nothing), (1, plan), LEASE).await;
    assert!(matches!(prepared, Answer::Prepared(_)), "{prepared:?}");
    let mut stream = apply(&mut desk, stream, 1).await;
    assert_eq!(stream.ask(1, Command::Confirm).await, Answer::Confirmed);
    (desk, node, agent, stream)
}

/// Has the staged plan applied, and meets the agent on its new stream.
pub(super) async fn apply(desk: &mut Desk, mut stream: Stream, rollout: u64) -> Stream {
    let nonce = stream.command(rollout, Command::Apply, None).await;
    let mut renewed = desk.accept().await;
    renewed.nonce = stream.nonce;
    renewed.epoch = stream.epoch;
    stream.end().await;
    assert_eq!(renewed.answer_to(nonce).await, Answer::Verified);
    renewed
}
