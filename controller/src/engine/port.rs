//! How the rest of the controller talks to the engine: one bounded queue, one answer each.

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use weft_model::message::{Answer, Fence, Hello};
use weft_model::name::NodeName;
use weft_model::report::NodeEvent;
use weft_model::revision::{Nonce, RevisionId, RolloutId};
use weft_model::routing::Routing;
use weft_proto::v1;

use super::refusal::Refusal;
use super::writer::Writer;
use crate::store::write::Idempotency;

/// How many requests wait for the engine at most; whoever comes next waits before the queue.
const QUEUE: usize = 1024;

/// How many messages wait for one agent at most. A rollout needs a handful; an agent that lets
/// this many wait does not read, and is cut off.
pub const OUTBOX: usize = 64;

/// The way to one agent. The messages are boxed because a queue has room for 32 of them from its
/// beginning, and most hold none.
pub type Outbox = mpsc::Sender<Box<v1::Down>>;

/// What this controller is in the cluster at the moment.
#[derive(Clone)]
pub enum Role {
    /// It leads: here is the engine, and the way to change the draft.
    Leading {
        /// The engine.
        port: Port,
        /// The way to change the draft.
        writer: Writer,
    },
    /// Another one leads, or none.
    Following {
        /// The leader, where it is known.
        leader: Option<String>,
    },
}

impl Role {
    /// The engine and the way to change the draft.
    ///
    /// # Errors
    /// When this controller does not lead.
    pub fn leading(&self) -> Result<(Port, Writer), Refusal> {
        match self {
            Self::Leading { port, writer } => Ok((port.clone(), writer.clone())),
            Self::Following { leader } => Err(Refusal::NotLeading {
                leader: leader.clone(),
            }),
        }
    }
}

/// The engine's door.
#[derive(Clone, Debug)]
pub struct Port(mpsc::Sender<Request>);

/// Distinguishes the streams of one node, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// What the engine is asked.
#[derive(Debug)]
pub enum Request {
    /// An agent came.
    Arrive {
        /// Who it is and where it stands.
        arrival: Box<Arrival>,
        /// Where to send to.
        outbox: Outbox,
        /// Whether it may stay.
        reply: oneshot::Sender<Result<Session, Refusal>>,
    },
    /// An agent said something.
    Hear {
        /// The agent's node.
        node: NodeName,
        /// The stream that it said it on.
        session: SessionId,
        /// What.
        word: Word,
    },
    /// An agent's stream ended.
    Leave {
        /// The agent's node.
        node: NodeName,
        /// The stream.
        session: SessionId,
    },
    /// A user wants a rollout.
    Start {
        /// Which, and how.
        start: Box<Start>,
        /// What came of it.
        reply: oneshot::Sender<Result<Started, Refusal>>,
    },
    /// The store must be read anew.
    Reopen,
    /// A user wants a rollout to go another way.
    Steer {
        /// The rollout; nothing for the active one.
        rollout: Option<RolloutId>,
        /// Who wants it.
        author: String,
        /// Which way.
        way: Way,
        /// Same key, same result.
        key: Option<Idempotency>,
        /// Which rollout it was.
        reply: oneshot::Sender<Result<RolloutId, Refusal>>,
    },
}

/// An agent at the door.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The node's name.
    pub node: NodeName,
    /// The agent's version.
    pub version: String,
    /// Where the node stands.
    pub hello: Hello,
}

/// An agent that may stay.
#[derive(Debug)]
pub struct Session {
    /// The stream's number.
    pub id: SessionId,
    /// Ends when another stream took this one's place, or this controller leads no more.
    pub ended: CancellationToken,
}

/// What an agent says after its hello; facts go to the draft instead.
#[derive(Clone, Debug)]
pub enum Word {
    /// The answer to a command.
    Answer(Fence, Answer),
    /// Something happened on the node.
    Event(NodeEvent),
    /// A plan did not fit what the node holds.
    WantPlan(Nonce),
    /// How routing goes on the node.
    Routing(Box<Routing>),
}

/// A rollout that a user wants.
#[derive(Clone, Debug)]
pub struct Start {
    /// The revision to roll out again; nothing publishes the draft.
    pub revision: Option<RevisionId>,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub message: String,
    /// How the decision is made and who may be missing.
    pub wish: Wish,
    /// Same key, same result.
    pub idempotency_key: Option<String>,
}

/// How a rollout is to go.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Seconds that a person has to confirm; nothing decides without a person.
    pub confirm_within: Option<u32>,
    /// Whether nodes that are offline are left out.
    pub skip_offline: bool,
    /// Waves as the user wrote them.
    pub waves: Vec<String>,
    /// How many nodes apply at the same time; zero has no bound.
    pub max_parallel: u32,
    /// Seconds between waves.
    pub pause_between: u32,
    /// Seconds that all nodes must stand by the change before it may be kept; nothing is as usual.
    pub soak: Option<u32>,
    /// Names of the probes that nodes must pass, besides the usual ones.
    pub probes: Vec<String>,
    /// Seconds that a probe may take; zero is as usual.
    pub probe_limit: u32,
    /// What the user agrees to, in words.
    pub accept: Vec<String>,
}

/// What came of a wish for a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Rollout {
        /// Its number.
        id: RolloutId,
        /// What else the user should know.
        remark: String,
    },
    /// The draft is what is confirmed already.
    Nothing {
        /// The confirmed revision.
        head: RevisionId,
    },
}

/// Ways that a user can send a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Start no new wave.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Decide for it.
    Confirm,
    /// Return.
    Abort,
}

impl Port {
    /// A queue to the engine, and its other end.
    pub fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Lets an agent in.
    ///
    /// # Errors
    /// When it may not stay, or this controller leads no more.
    pub async fn arrive(&self, arrival: Arrival, outbox: Outbox) -> Result<Session, Refusal> {
        let arrival = Box::new(arrival);
        self.ask(|reply| Request::Arrive {
            arrival,
            outbox,
            reply,
        })
        .await
    }

    /// Passes on what an agent said.
    ///
    /// # Errors
    /// When this controller leads no more.
    pub async fn hear(
        &self,
        node: NodeName,
        session: SessionId,
        word: Word,
    ) -> Result<(), Refusal> {
        self.tell(Request::Hear {
            node,
            session,
            word,
        })
        .await
    }

    /// Says that an agent's stream ended.
    ///
    /// # Errors
    /// When this controller leads no more.
    pub async fn leave(&self, node: NodeName, session: SessionId) -> Result<(), Refusal> {
        self.tell(Request::Leave { node, session }).await
    }

    /// Starts a rollout.
    ///
    /// # Errors
    /// Says why it cannot be started.
    pub async fn start(&self, start: Start) -> Result<Started, Refusal> {
        let start = Box::new(start);
        self.ask(|reply| Request::Start { start, reply }).await
    }

    /// Has the engine read the store anew, and every agent say hello again.
    ///
    /// # Errors
    /// When this controller leads no more.
    pub async fn reopen(&self) -> Result<(), Refusal> {
        self.tell(Request::Reopen).await
    }

    /// Sends a rollout another way.
    ///
    /// # Errors
    /// Says why that cannot be.
    pub async fn steer(
        &self,
        rollout: Option<RolloutId>,
        author: String,
        way: Way,
        key: Option<Idempotency>,
    ) -> Result<RolloutId, Refusal> {
        self.ask(|reply| Request::Steer {
            rollout,
            author,
            way,
            key,
            reply,
        })
        .await
    }

    async fn tell(&self, request: Request) -> Result<(), Refusal> {
        self.0.send(request).await.map_err(|_| deposed())
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Request,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await?;
        answer.await.map_err(|_| deposed())?
    }
}

/// The engine went away while it was asked.
fn deposed() -> Refusal {
    Refusal::NotLeading { leader: None }
}

/// Follows which role this controller has.
pub type Roles = watch::Receiver<Role>;
