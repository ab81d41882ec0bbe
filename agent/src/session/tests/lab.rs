//! A node without a kernel and a controller without a mind, with real gRPC between them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use weft_model::clock::Span;
use weft_model::message::{Answer, Command, Fence, Gates, Hello, Lease, Target};
use weft_model::plan::link::{Bridge, Link, LinkKind};
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::report::NodeEvent;
use weft_model::revision::{Epoch, Incarnation, Nonce, RevisionId, RolloutId};
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::seen::Seen;
use weft_node::step::Step;
use weft_proto::convert::{message, plan};
use weft_proto::{digest, v1};

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

type Down = Pin<Box<dyn futures::Stream<Item = Result<v1::Down, Status>> + Send>>;

struct Door(mpsc::Sender<Stream>);

/// One agent's stream, seen from the controller.
pub(super) struct Stream {
    down: mpsc::Sender<Result<v1::Down, Status>>,
    up: Streaming<v1::Up>,
    pub(super) wire: v1::Hello,
    pub(super) events: Vec<NodeEvent>,
    pub(super) facts: Vec<v1::Facts>,
    pub(super) epoch: u64,
    nonce: u64,
}

#[tonic::async_trait]
impl v1::agents_server::Agents for Door {
    type SessionStream = Down;

    async fn session(&self, request: Request<Streaming<v1::Up>>) -> Result<Response<Down>, Status> {
        let (down, words) = mpsc::channel(16);
        let stream = Stream {
            down,
            up: request.into_inner(),
            wire: v1::Hello::default(),
            events: Vec::new(),
            facts: Vec::new(),
            epoch: 1,
            nonce: 0,
        };
        self.0
            .send(stream)
            .await
            .map_err(|_| Status::unavailable("closed"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(words))))
    }
}

/// A controller that says what the test says.
pub(super) struct Desk {
    pub(super) address: SocketAddr,
    streams: mpsc::Receiver<Stream>,
    serving: JoinHandle<()>,
}

impl Desk {
    pub(super) async fn open() -> Self {
        Self::open_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(super) async fn open_at(address: SocketAddr) -> Self {
        let socket = if address.is_ipv4() {
            tokio::net::TcpSocket::new_v4().unwrap()
        } else {
            tokio::net::TcpSocket::new_v6().unwrap()
        };
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener: TcpListener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(16);
        let service = v1::agents_server::AgentsServer::new(Door(sender));
        let serving = tokio::spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            server
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self {
            address,
            streams,
            serving,
        }
    }

    /// The next stream, with its hello read and not yet answered.
    pub(super) async fn knock(&mut self) -> Stream {
        let mut stream = soon("a stream", self.streams.recv()).await.unwrap();
        let first = soon("a hello", stream.up.message()).await.unwrap();
        let Some(v1::up::Message::Hello(hello)) = first.and_then(|up| up.message) else {
            panic!("the first word was no hello");
        };
        stream.wire = hello;
        stream
    }

    /// The next stream, welcomed.
    pub(super) async fn accept(&mut self) -> Stream {
        let stream = self.knock().await;
        stream.welcome(&cluster()).await;
        stream
    }

    /// Ends all that it has with agents.
    pub(super) async fn close(self) -> SocketAddr {
        self.serving.abort();
        let _ = self.serving.await;
        self.address
    }
}

impl Stream {
    pub(super) fn hello(&self) -> Hello {
        message::hello(&self.wire).unwrap()
    }

    pub(super) async fn welcome(&self, cluster: &ClusterId) {
        self.tell(v1::down::Message::Welcome(v1::Welcome {
            cluster: cluster.to_string(),
            incarnation: 1,
            epoch: self.epoch,
            version: "test".to_owned(),
        }))
        .await;
    }

    pub(super) async fn tell(&self, message: v1::down::Message) {
        let message = Some(message);
        self.down.send(Ok(v1::Down { message })).await.unwrap();
    }

    /// Commands; returns the nonce.
    pub(super) async fn command(
        &mut self,
        rollout: u64,
        command: Command,
        delta: Option<v1::PlanDelta>,
    ) -> u64 {
        self.nonce += 1;
        let fence = Fence {
            cluster: cluster(),
            incarnation: Incarnation(1),
            epoch: Epoch(self.epoch),
            rollout: RolloutId(rollout),
            nonce: Nonce(self.nonce),
        };
        let wire = message::command_to_wire(&fence, &command, delta);
        self.tell(v1::down::Message::Command(wire)).await;
        self.nonce
    }

    pub(super) async fn prepare(
        &mut self,
        rollout: u64,
        from: (u64, &NodePlan),
        to: (u64, &NodePlan),
        lease: Lease,
    ) -> Answer {
        let command = Command::Prepare {
            from: target(from.0, from.1),
            to: target(to.0, to.1),
            lease,
            gates: Gates::default(),
        };
        let nonce = self
            .command(rollout, command, Some(delta(from.1, to.1)))
            .await;
        self.answer_to(nonce).await
    }

    pub(super) async fn ask(&mut self, rollout: u64, command: Command) -> Answer {
        let nonce = self.command(rollout, command, None).await;
        self.answer_to(nonce).await
    }

    /// The next message that is no event and no facts.
    pub(super) async fn heard(&mut self) -> v1::up::Message {
        loop {
            let up = soon("a message", self.up.message()).await.unwrap();
            match up.and_then(|up| up.message).unwrap() {
                v1::up::Message::Event(event) => {
                    self.events.push(NodeEvent::try_from(&event).unwrap());
                }
                v1::up::Message::Facts(facts) => self.facts.push(facts),
                message => return message,
            }
        }
    }

    /// Listens until this many events have come.
    pub(super) async fn hear_events(&mut self, count: usize) {
        while self.events.len() < count {
            let up = soon("an event", self.up.message()).await.unwrap();
            match up.and_then(|up| up.message).unwrap() {
                v1::up::Message::Event(event) => {
                    self.events.push(NodeEvent::try_from(&event).unwrap());
                }
                v1::up::Message::Facts(facts) => self.facts.push(facts),
                message => panic!("{message:?}"),
            }
        }
    }

    pub(super) async fn hear_facts(&mut self) -> v1::Facts {
        while self.facts.is_empty() {
            let up = soon("facts", self.up.message()).await.unwrap();
            match up.and_then(|up| up.message).unwrap() {
                v1::up::Message::Facts(facts) => self.facts.push(facts),
                v1::up::Message::Event(_) => {}
                message => panic!("{message:?}"),
            }
        }
        self.facts.remove(0)
    }

    pub(super) async fn answer(&mut self) -> (Fence, Answer) {
        match self.heard().await {
            v1::up::Message::Answer(wire) => message::answer(&wire).unwrap(),
            message => panic!("{message:?}"),
        }
    }

    pub(super) async fn answer_to(&mut self, nonce: u64) -> Answer {
        let (fence, answer) = self.answer().await;
        assert_eq!(fence.nonce, Nonce(nonce), "{answer:?}");
        answer
    }

    /// Waits until the agent has left.
    pub(super) async fn end(mut self) {
        soon("the end of the stream", async {
            while let Ok(Some(_)) = self.up.message().await {}
        })
        .await;
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
