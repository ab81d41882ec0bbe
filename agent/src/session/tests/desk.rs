//! A controller without a mind: it says what the test says, over real gRPC.

use std::net::SocketAddr;
use std::pin::Pin;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use weft_model::message::{Answer, Command, Fence, Gates, Hello, Lease};
use weft_model::plan::NodePlan;
use weft_model::report::NodeEvent;
use weft_model::revision::{ClusterId, Epoch, Incarnation, Nonce, RolloutId};
use weft_proto::convert::message;
use weft_proto::v1;

use super::lab::{cluster, delta, soon, target};

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
    pub(super) nonce: u64,
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
