//! The loop around the pure session: everything that happens goes in, everything that must be done
//! comes out and is done in its order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::info;
use weft_model::clock::Moment;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::report::NodeEvent;
use weft_model::revision::{ClusterId, Nonce};
use weft_model::routing::Routing;
use weft_node::routing;
use weft_node::session::event::Event;
use weft_node::session::journal::State;
use weft_node::session::machine::Session;
use weft_proto::v1;

use super::SessionError;
use super::clock::Clock;
use super::jobs::{Ended, Jobs};
use super::line::{Heard, Line};
use super::news::News;
use super::routing::Watching;
use super::shelf::Shelf;
use crate::dataplane::Dataplane;
use crate::ledger::Ledger;

/// Several changes of the facts within this time are told as one.
const SETTLE: Duration = Duration::from_millis(300);

/// How long a change in hand may go on after the agent was asked to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A plan that came with a command, until it is staged.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) nonce: Nonce,
    pub(super) to: Digest,
    pub(super) delta: Option<v1::PlanDelta>,
}

/// The loop and all that it owns.
pub(super) struct Shell {
    pub(super) node: NodeName,
    pub(super) session: Session,
    pub(super) ledger: Ledger,
    pub(super) shelf: Shelf,
    pub(super) dataplane: Dataplane,
    pub(super) joined: Option<ClusterId>,
    pub(super) line: Line,
    pub(super) clock: Clock,
    pub(super) news: News,
    pub(super) jobs: Jobs,
    pub(super) alarm: Option<Moment>,
    pub(super) offer: Option<Offer>,
    pub(super) wanted: Option<super::stage::Wanted>,
    pub(super) collect_due: bool,
    pub(super) facts: watch::Receiver<Arc<Facts>>,
    /// What the controller was told last on this stream.
    pub(super) facts_told: Arc<Facts>,
    pub(super) events: mpsc::Receiver<NodeEvent>,
    pub(super) watching: Watching,
    /// How routing goes, as it is to be told on every new stream.
    pub(super) routing: Option<Routing>,
    pub(super) ready: Option<oneshot::Sender<()>>,
    pub(super) pulse: Option<super::Pulse>,
    pub(super) retry: Arc<Notify>,
}

enum Happening {
    Line(Heard),
    Job(Option<Ended>),
    Alarm,
    FactsChanged(bool),
    FactsDue,
    Drift(Option<NodeEvent>),
    Routing(routing::News),
    Room(Option<mpsc::OwnedPermit<v1::Up>>),
    Pulse,
    Retry,
    Stop,
    StopNow,
}

impl Shell {
    /// Runs until `stop`, and until a change in hand is at an end.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), SessionError> {
        let mut facts_due = None;
        let mut stop_at = None;
        let mut pulse_at = self
            .pulse
            .as_ref()
            .map(|pulse| Instant::now() + pulse.every);
        loop {
            if stop_at.is_some() && !self.is_between_plans() {
                return Ok(());
            }
            match self.happening(&stop, stop_at, facts_due, pulse_at).await {
                Happening::Line(heard) => self.hear(heard).await?,
                Happening::Job(Some(ended)) => self.job_ended(ended).await?,
                Happening::Job(None) => return Err(SessionError::Broken),
                Happening::Alarm => {
                    self.alarm = None;
                    self.step(Event::Timer).await?;
                }
                Happening::FactsChanged(true) => {
                    facts_due = facts_due.or(Some(Instant::now() + SETTLE));
                }
                Happening::FactsDue => {
                    facts_due = None;
                    self.tell_facts();
                }
                Happening::FactsChanged(false) | Happening::Drift(None) => {
                    return Err(SessionError::DataplaneGone);
                }
                Happening::Drift(Some(event)) => self.news.push(event),
                Happening::Routing(news) => self.take_routing(news),
                Happening::Room(permit) => self.tell_news(permit),
                Happening::Pulse => {
                    if let Some(pulse) = &self.pulse {
                        (pulse.beat)();
                        pulse_at = Some(Instant::now() + pulse.every);
                    }
                }
                Happening::Retry => self.step(Event::Retry).await?,
                Happening::Stop => {
                    info!("stopping, the network stays as it is");
                    stop_at = Some(Instant::now() + STOP_LIMIT);
                }
                Happening::StopNow => {
                    info!("stopping with a change in hand, it is taken up at the next start");
                    return Ok(());
                }
            }
        }
    }

    /// Every arm is cancel-safe: what it waits for is kept by its owner until it is taken.
    async fn happening(
        &mut self,
        stop: &CancellationToken,
        stop_at: Option<Instant>,
        facts_due: Option<Instant>,
        pulse_at: Option<Instant>,
    ) -> Happening {
        let has_news = !self.news.is_empty() && self.line.is_welcome();
        let room = self.line.is_welcome().then(|| self.line.outbox()).flatten();
        tokio::select! {
            biased;
            () = stop.cancelled(), if stop_at.is_none() => Happening::Stop,
            () = until(stop_at) => Happening::StopNow,
            () = until(pulse_at) => Happening::Pulse,
            () = self.clock.sleep_until(self.alarm) => Happening::Alarm,
            ended = self.jobs.end() => Happening::Job(ended),
            heard = self.line.hear() => Happening::Line(heard),
            () = self.retry.notified() => Happening::Retry,
            event = self.events.recv() => Happening::Drift(event),
            news = self.watching.news() => Happening::Routing(news),
            changed = self.facts.changed(), if facts_due.is_none() => {
                Happening::FactsChanged(changed.is_ok())
            }
            () = until(facts_due) => Happening::FactsDue,
            permit = super::line::room(room), if has_news => Happening::Room(permit),
        }
    }

    /// Whether the node may have parts of two plans, which ends by itself before long.
    fn is_between_plans(&self) -> bool {
        self.session.is_applying()
            || (matches!(self.session.journal().state, State::Reverting { .. })
                && self.jobs.is_changing())
    }

    /// Tells the facts, unless the controller knows them already or is not there.
    pub(super) fn tell_facts(&mut self) {
        let facts = Arc::clone(&self.facts.borrow_and_update());
        if self.line.is_welcome() && facts != self.facts_told {
            self.line.say(v1::up::Message::Facts((&*facts).into()));
            self.facts_told = facts;
        }
    }

    fn take_routing(&mut self, news: routing::News) {
        // What is so now comes before what happened: whoever hears of that asks.
        if news.routing.is_some() {
            self.routing = news.routing;
            self.tell_routing();
        }
        for event in news.events {
            self.news.push(event);
        }
    }

    /// Tells how routing goes, where there is any.
    pub(super) fn tell_routing(&mut self) {
        if let Some(routing) = &self.routing {
            self.line.say(v1::up::Message::Routing(routing.into()));
        }
    }

    fn tell_news(&mut self, permit: Option<mpsc::OwnedPermit<v1::Up>>) {
        if let Some(permit) = permit
            && let Some(event) = self.news.pop()
        {
            let event = weft_proto::convert::report::event_to_wire(&self.node, &event);
            permit.send(v1::Up {
                message: Some(v1::up::Message::Event(event)),
            });
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
