//! One agent's stream, from its hello to its end.
//!
//! # Guarantees
//! Nothing is passed to the engine before a hello that can be read. The stream holds no more than
//! one message of the agent at a time, and no more than [`OUTBOX`] for it.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};
use tracing::{Instrument, debug, info, info_span, warn};
use weft_model::facts::Facts;
use weft_model::name::{NameError, NodeName};
use weft_model::report::NodeEvent;
use weft_model::revision::Nonce;
use weft_model::routing::Routing;
use weft_proto::convert::fields::Invalid;
use weft_proto::convert::message;
use weft_proto::v1;

use crate::api::answer;
use crate::engine::port::{Arrival, OUTBOX, Port, Roles, Session, Word};
use crate::engine::refusal::Refusal;
use crate::engine::writer::Writer;

/// Long enough for a busy node's first message, short enough that idle strangers cost nothing.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// Longer versions are shown cut.
const LONGEST_VERSION: usize = 64;

/// The gate that agents come in by.
pub struct Gate {
    roles: Roles,
    stop: CancellationToken,
    sessions: TaskTracker,
}

impl Gate {
    /// A gate that closes with `stop`; `sessions` counts the streams that are not at their end.
    pub fn new(roles: Roles, stop: CancellationToken, sessions: TaskTracker) -> Self {
        Self {
            roles,
            stop,
            sessions,
        }
    }
}

type Down = Pin<Box<dyn Stream<Item = Result<v1::Down, Status>> + Send>>;

#[tonic::async_trait]
impl v1::agents_server::Agents for Gate {
    type SessionStream = Down;

    async fn session(&self, request: Request<Streaming<v1::Up>>) -> Result<Response<Down>, Status> {
        let (port, writer) = self.roles.borrow().leading().map_err(answer::status)?;
        let stream = Conversation {
            up: request.into_inner(),
            port,
            writer,
            stop: self.stop.clone(),
        };
        // The answer's headers go out at once, so that an agent may wait for them before it
        // speaks; what came of its hello follows in the stream.
        let (verdict, admitted) = oneshot::channel();
        self.sessions.spawn(stream.run(verdict));
        let down = futures::stream::once(admitted).flat_map(|admitted| match admitted {
            Ok(Ok(outbox)) => ReceiverStream::new(outbox)
                .map(|down| Ok(*down))
                .left_stream(),
            Ok(Err(status)) => futures::stream::iter([Err(status)]).right_stream(),
            Err(_) => futures::stream::iter([Err(Status::unavailable("the controller stops"))])
                .right_stream(),
        });
        Ok(Response::new(Box::pin(down)))
    }
}

type Verdict = oneshot::Sender<Result<mpsc::Receiver<Box<v1::Down>>, Status>>;

struct Conversation {
    up: Streaming<v1::Up>,
    port: Port,
    writer: Writer,
    stop: CancellationToken,
}

impl Conversation {
    async fn run(mut self, verdict: Verdict) {
        // What admitting needs is given back when it is over: a stream lives for months.
        let (node, session) = match Box::pin(self.admit()).await {
            Ok((node, session, outbox)) => {
                if verdict.send(Ok(outbox)).is_err() {
                    let _ = self.port.leave(node, session.id).await;
                    return;
                }
                (node, session)
            }
            Err(status) => {
                info!(code = %status.code(), reason = status.message(), "agent refused");
                let _ = verdict.send(Err(status));
                return;
            }
        };
        let span = info_span!("session", node = %node);
        self.listen(&node, &session).instrument(span).await;
        // When the engine is gone there is nobody to tell.
        let _ = self.port.leave(node, session.id).await;
    }

    async fn admit(
        &mut self,
    ) -> Result<(NodeName, Session, mpsc::Receiver<Box<v1::Down>>), Status> {
        let first = tokio::time::timeout(HELLO_LIMIT, self.up.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no hello came: say it first"))??
            .and_then(|up| up.message);
        let Some(v1::up::Message::Hello(wire)) = first else {
            return Err(Status::failed_precondition(
                "the first message on the stream must be a hello",
            ));
        };
        let unreadable = |invalid| answer::status(Refusal::unreadable("hello", invalid));
        let (arrival, facts) = arrival(&wire).map_err(unreadable)?;
        let node = arrival.node.clone();
        self.writer
            .note_node(node.clone(), facts)
            .await
            .map_err(answer::status)?;
        let (outbox, down) = mpsc::channel(OUTBOX);
        let session = self
            .port
            .arrive(arrival, outbox)
            .await
            .map_err(answer::status)?;
        Ok((node, session, down))
    }

    /// Cancel-safe: a message that is being received when another arm wins is of a stream that
    /// ends.
    async fn listen(&mut self, node: &NodeName, session: &Session) {
        loop {
            let up = tokio::select! {
                biased;
                () = session.ended.cancelled() => return,
                () = self.stop.cancelled() => return,
                up = self.up.message() => up,
            };
            let message = match up {
                Ok(Some(up)) => up.message,
                Ok(None) => return,
                Err(status) => {
                    debug!(code = %status.code(), reason = status.message(), "stream broke");
                    return;
                }
            };
            let Some(message) = message else { continue };
            let heard = match said(&message) {
                Ok(Said::Facts(facts)) => self.writer.note_node(node.clone(), facts).await,
                Ok(Said::Word(word)) => self.port.hear(node.clone(), session.id, word).await,
                Err(invalid) => {
                    warn!(%invalid, "message of an agent cannot be read");
                    continue;
                }
            };
            if let Err(refusal) = heard {
                warn!(%refusal, "message of an agent was not taken in");
                return;
            }
        }
    }
}

fn arrival(wire: &v1::Hello) -> Result<(Arrival, Facts), Invalid> {
    let node = wire
        .node
        .parse()
        .map_err(|error: NameError| Invalid::field("node", error))?;
    let absent = v1::Facts::default();
    let facts = Facts::try_from(wire.facts.as_ref().unwrap_or(&absent))
        .map_err(|invalid| invalid.within("facts"))?;
    let arrival = Arrival {
        node,
        version: printable(&wire.version),
        hello: message::hello(wire)?,
    };
    Ok((arrival, facts))
}

/// What ends up on terminals must print.
fn printable(version: &str) -> String {
    let printing = version.chars().filter(|c| !c.is_control());
    printing.take(LONGEST_VERSION).collect()
}

/// What an agent said, by who takes it in.
enum Said {
    /// For the draft.
    Facts(Facts),
    /// For the engine.
    Word(Word),
}

fn said(message: &v1::up::Message) -> Result<Said, Invalid> {
    let word = match message {
        v1::up::Message::Facts(wire) => return Facts::try_from(wire).map(Said::Facts),
        v1::up::Message::Answer(wire) => {
            let (fence, answer) = message::answer(wire)?;
            Word::Answer(fence, answer)
        }
        v1::up::Message::Event(wire) => Word::Event(NodeEvent::try_from(wire)?),
        v1::up::Message::Routing(wire) => Word::Routing(Box::new(Routing::try_from(wire)?)),
        v1::up::Message::WantPlan(wire) => Word::WantPlan(Nonce(wire.nonce)),
        v1::up::Message::Hello(_) => {
            return Err(Invalid::field(
                "hello",
                "it was said already; open a new stream to say it again",
            ));
        }
    };
    Ok(Said::Word(word))
}
