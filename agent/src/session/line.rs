//! The stream to a controller: being dialled, or open.
//!
//! # Guarantees
//! The controller hears the hello first on every stream. What is said while no stream is open, or
//! while the node was not welcomed yet, is dropped, but for the one answer that asked for a new
//! stream.

use futures::StreamExt;
use tokio::sync::mpsc::{self, OwnedPermit, error::TrySendError};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use weft_model::message::{Answer, Fence};
use weft_proto::convert::message;
use weft_proto::v1;

use super::dial::{Dialer, Wire};
use crate::connect::{Controller, Road};

/// The stream.
#[derive(Debug)]
pub(super) struct Line {
    state: State,
    afresh: Option<(Fence, Answer)>,
}

#[derive(Debug)]
enum State {
    Dialing(JoinHandle<(Dialer, Wire)>),
    Open(Box<Call>),
    /// Only within a change from one of the others to the other.
    Between,
}

#[derive(Debug)]
struct Call {
    dialer: Dialer,
    wire: Wire,
    is_welcome: bool,
}

/// What happened on the line.
#[derive(Debug)]
pub(super) enum Heard {
    /// A stream is open: the hello is due.
    Opened,
    /// The controller said something.
    Down(Box<v1::down::Message>),
    /// The stream is gone, and the next one is being dialled.
    Lost,
}

impl Line {
    pub(super) fn new(controllers: Vec<Controller>, road: Road) -> Self {
        Self {
            state: dial(Dialer::new(controllers, road), false),
            afresh: None,
        }
    }

    /// Waits for the next thing on the line. Cancel-safe: a handle and a stream may be asked again.
    pub(super) async fn hear(&mut self) -> Heard {
        match &mut self.state {
            State::Dialing(dialing) => {
                if let Ok((dialer, wire)) = dialing.await {
                    self.state = State::Open(Box::new(Call {
                        dialer,
                        wire,
                        is_welcome: false,
                    }));
                    return Heard::Opened;
                }
                unreachable!("dialing never panics, and is aborted with the line only");
            }
            State::Open(call) => loop {
                match call.wire.inbox.next().await {
                    Some(Ok(v1::Down {
                        message: Some(down),
                    })) => return Heard::Down(Box::new(down)),
                    Some(Ok(v1::Down { message: None })) => {}
                    Some(Err(status)) => {
                        let controller = &call.wire.controller;
                        let reason = status.message();
                        warn!(%controller, code = %status.code(), reason, "stream broke");
                        break;
                    }
                    None => {
                        info!(controller = %call.wire.controller, "stream ended");
                        break;
                    }
                }
            },
            State::Between => unreachable!("no state is left between two"),
        }
        self.hang_up();
        Heard::Lost
    }

    /// Says the hello, first on a new stream.
    pub(super) fn greet(&mut self, hello: v1::Hello) {
        if let State::Open(call) = &self.state {
            info!(controller = %call.wire.controller, "stream open");
        }
        self.put(v1::up::Message::Hello(hello));
    }

    /// Notes that the controller has taken the node.
    pub(super) fn welcome(&mut self) {
        if let State::Open(call) = &mut self.state {
            call.is_welcome = true;
            call.dialer.settle();
        }
    }

    /// Says something, if there is somebody to say it to.
    pub(super) fn say(&mut self, message: v1::up::Message) {
        if self.is_welcome() {
            self.put(message);
        }
    }

    /// Answers a command.
    pub(super) fn answer(&mut self, fence: &Fence, answer: &Answer) {
        self.say(v1::up::Message::Answer(message::answer_to_wire(
            fence, answer,
        )));
    }

    /// Leaves this stream for a new one, with an answer to give there.
    pub(super) fn renew(&mut self, fence: Fence, answer: Answer) {
        self.afresh = Some((fence, answer));
        match std::mem::replace(&mut self.state, State::Between) {
            State::Open(call) => self.state = dial(call.dialer, false),
            state => self.state = state,
        }
    }

    /// The answer that waited for a new stream. It is for the caller to see whether it still holds.
    pub(super) fn take_afresh(&mut self) -> Option<(Fence, Answer)> {
        self.afresh.take()
    }

    /// Leaves this stream; the next one is dialled after a pause.
    pub(super) fn hang_up(&mut self) {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Open(mut call) => {
                if !call.is_welcome {
                    call.dialer.pass_on();
                }
                self.state = dial(call.dialer, true);
            }
            state => self.state = state,
        }
    }

    /// Where messages go that may wait for room.
    pub(super) fn outbox(&self) -> Option<mpsc::Sender<v1::Up>> {
        match &self.state {
            State::Open(call) => Some(call.wire.outbox.clone()),
            State::Dialing(_) | State::Between => None,
        }
    }

    pub(super) fn is_welcome(&self) -> bool {
        matches!(&self.state, State::Open(call) if call.is_welcome)
    }

    fn put(&mut self, message: v1::up::Message) {
        let State::Open(call) = &self.state else {
            return;
        };
        let up = v1::Up {
            message: Some(message),
        };
        match call.wire.outbox.try_send(up) {
            Ok(()) => {}
            // It comes to light when the stream is read.
            Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                warn!(controller = %call.wire.controller, "controller takes nothing, leaving it");
                self.hang_up();
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let State::Dialing(dialing) = &self.state {
            dialing.abort();
        }
    }
}

/// Waits for room for one message; for ever, when nobody takes any. Cancel-safe.
pub(super) async fn room(outbox: Option<mpsc::Sender<v1::Up>>) -> Option<OwnedPermit<v1::Up>> {
    match outbox {
        Some(outbox) => match outbox.reserve_owned().await {
            Ok(permit) => Some(permit),
            // The stream broke; the line is about to notice.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

fn dial(mut dialer: Dialer, after_pause: bool) -> State {
    State::Dialing(tokio::spawn(async move {
        if after_pause {
            dialer.pause().await;
        }
        let wire = dialer.dial().await;
        (dialer, wire)
    }))
}
