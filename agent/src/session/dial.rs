//! Finds a controller that takes the node: one after the other, with pauses that grow.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tracing::{debug, warn};
use weft_proto::v1;

use crate::connect::{ConnectError, Controller, Road};
use crate::log::Chain;

/// The pause after a first failure, and the longest one.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// A controller that takes a connection and then says nothing is no better than none.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How many messages may wait for a controller that is slow to take them.
const OUTBOX: usize = 64;

/// An open stream.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) controller: Controller,
    pub(super) outbox: mpsc::Sender<v1::Up>,
    pub(super) inbox: Streaming<v1::Down>,
}

/// Which controller is next, and after what pause.
#[derive(Debug)]
pub(super) struct Dialer {
    controllers: Vec<Controller>,
    road: Road,
    next: usize,
    pauses: ExponentialBackoff,
    is_quiet: bool,
}

#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("no connection")]
    Nobody(#[source] ConnectError),
    #[error("the controller at {0} did not answer within {ANSWER_LIMIT:?}")]
    Silent(Controller),
    #[error("the controller at {controller} does not take the node: {}", reason.message())]
    Refused {
        controller: Controller,
        reason: Box<tonic::Status>,
    },
}

impl Dialer {
    pub(super) fn new(controllers: Vec<Controller>, road: Road) -> Self {
        Self {
            controllers,
            road,
            next: 0,
            pauses: pauses(),
            is_quiet: false,
        }
    }

    /// Notes that the node was taken: the pauses begin anew, and the same controller is next.
    pub(super) fn settle(&mut self) {
        self.pauses = pauses();
        self.is_quiet = false;
    }

    /// Notes that the stream ended before the node was taken.
    pub(super) fn pass_on(&mut self) {
        self.next += 1;
    }

    /// Waits for as long as the next pause takes.
    pub(super) async fn pause(&mut self) {
        let pause = self.pauses.next().unwrap_or(LONGEST).min(LONGEST);
        tokio::time::sleep(pause).await;
    }

    /// Tries every controller in turn until one opens the stream.
    pub(super) async fn dial(&mut self) -> Wire {
        loop {
            for _ in 0..self.controllers.len() {
                let controller = self.controllers[self.next % self.controllers.len()].clone();
                match open(&controller, &self.road).await {
                    Ok(wire) => return wire,
                    Err(error) => self.tell(&controller, &error),
                }
                self.next += 1;
            }
            // The first round is told loudly; what follows says the same.
            self.is_quiet = true;
            self.pause().await;
        }
    }

    fn tell(&self, controller: &Controller, error: &DialError) {
        let error = Chain(error);
        if self.is_quiet {
            debug!(%controller, %error, "no stream");
        } else {
            warn!(%controller, %error, "no stream, trying on");
        }
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}

async fn open(controller: &Controller, road: &Road) -> Result<Wire, DialError> {
    let client = controller.connect(road).await;
    let mut client = client.map_err(DialError::Nobody)?;
    let (outbox, messages) = mpsc::channel(OUTBOX);
    let opening = client.session(ReceiverStream::new(messages));
    let answer = tokio::time::timeout(ANSWER_LIMIT, opening)
        .await
        .map_err(|_| DialError::Silent(controller.clone()))?
        .map_err(|reason| DialError::Refused {
            controller: controller.clone(),
            reason: Box::new(reason),
        })?;
    Ok(Wire {
        controller: controller.clone(),
        outbox,
        inbox: answer.into_inner(),
    })
}
