//! One term of leadership: the task that feeds the rollout's state machine and does what it says.
//!
//! # Guarantees
//! The task never waits for anything but its queues and its clock: the store is read and written by
//! tasks that report back, nodes are sent to through bounded queues that are never waited for.
//!
//! # Never
//! Nothing is decided here that the state machine decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{debug, error, info};
use weft_core::rollout::catchup::CatchUps;
use weft_core::rollout::effect::Effect;
use weft_core::rollout::event::{Event, Now};
use weft_core::rollout::policy::Policy;
use weft_core::rollout::record::{Leader, Record};
use weft_model::message::Target;
use weft_model::name::NodeName;
use weft_model::revision::RolloutId;

use super::board::Board;
use super::clock::{Clock, wall_clock};
use super::course::Course;
use super::draft::Mirror;
use super::head::Head;
use super::judge::Judge;
use super::keepsake::Keepsake;
use super::past;
use super::port::{Request, Start, Started};
use super::refusal::Refusal;
use super::secretary::{Reply, Secretary};
use super::writer::Writer;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::meta::Cluster;
use crate::store::quarantine::Quarantine;
use crate::store::rollout::Recorded;
use crate::store::write::Fence;

mod agent;
mod over;
mod records;
mod restored;
mod results;
mod send;
mod start;
pub mod steer;

mod deed;

/// How many reports of the term's own tasks may wait.
const REPORTS: usize = 256;

/// The least time between two looks at the clock, however much is due.
const SHORTEST_REST: Duration = Duration::from_millis(5);

/// What a term works with.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The cluster's identity.
    pub cluster: Cluster,
    /// The proof that this controller leads.
    pub fence: Fence,
    /// The draft.
    pub mirror: Mirror,
    /// What validation says of the draft.
    pub judge: Judge,
    /// Where to show how far everything is.
    pub board: Arc<Board>,
    /// The way to change the draft.
    pub writer: Writer,
    /// How a rollout goes where the user does not say.
    pub usual: Policy,
    /// What is remembered of the store outside of it.
    pub keepsake: Keepsake,
    /// Why everything stands still, where the store went back in time.
    pub quarantine: Option<Quarantine>,
}

/// A term of leadership.
pub struct Term {
    parts: Parts,
    leader: Leader,
    clock: Clock,
    secretary: Secretary,
    replies: mpsc::Receiver<Reply>,
    /// The wish that is being worked on.
    opening: Option<start::Waiting>,
    /// Who waits for that to end, in order.
    queue: VecDeque<(Start, oneshot::Sender<Result<Started, Refusal>>)>,
    keys: BTreeMap<String, RolloutId>,
    /// Wishes that are not durable yet.
    wishes: Vec<steer::Waiting>,
    catchups: CatchUps,
    records: records::Records,
    chronicle: results::Chronicle,
    /// The newest rollout that the store knows.
    newest: RolloutId,
    /// Nodes that know more than the store does.
    witnesses: BTreeMap<NodeName, String>,
    /// Whether the store is to be read anew.
    reopens: bool,
    deposed: bool,
}

impl Term {
    /// Reads what the last leader left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(parts: Parts) -> Result<Self, StoreError> {
        let leader = Leader {
            cluster: parts.cluster.id.clone(),
            incarnation: parts.cluster.incarnation,
            epoch: parts.fence.epoch(),
        };
        let (sender, replies) = mpsc::channel(REPORTS);
        let secretary = Secretary::new(parts.store.clone(), parts.fence.clone(), sender);
        let clock = parts.board.read(|state| state.clock);
        let mut term = Self {
            catchups: CatchUps::new(leader.clone(), parts.usual.lease(), parts.usual.keep_alive),
            records: records::Records::default(),
            chronicle: results::Chronicle::default(),
            parts,
            leader,
            clock,
            secretary,
            replies,
            opening: None,
            queue: VecDeque::new(),
            keys: BTreeMap::new(),
            wishes: Vec::new(),
            newest: RolloutId::default(),
            witnesses: BTreeMap::new(),
            reopens: false,
            deposed: false,
        };
        let store = term.parts.store.clone();
        let store = &store;
        let head = Arc::new(past::head(store, store.head().await?).await?);
        term.parts.board.forget_nodes();
        term.parts.board.set_head(Arc::clone(&head));
        let known = store.nodes().await?;
        term.records = records::Records::of(&known);
        term.chronicle = results::Chronicle::of(store.away().await?);
        term.parts.board.write(|state| {
            for (node, record) in known {
                let target = Target {
                    revision: record.revision,
                    digest: record.digest,
                };
                state.roster.remember(node, target);
            }
        });
        info!(revision = %head.revision, "head read");
        term.newest = RolloutId(store.next_rollout().await?.0.saturating_sub(1));
        let active: Option<Recorded<Record>> = store.active_rollout().await?;
        if let Some(active) = active.filter(|_| term.parts.quarantine.is_none()) {
            let stored = store.results(active.rollout).await?;
            let opened = start::resume(store, active, head).await?;
            term.begin(opened, stored);
        }
        Ok(term)
    }

    /// Works until this controller leads no more, or the store must be read anew.
    ///
    /// # Errors
    /// When another controller leads.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> Result<(), StoreError> {
        enum Turn {
            Asked(Request),
            Reported(Reply),
            Rang,
        }
        while !self.deposed {
            let rest = self.rest();
            // Cancel-safe: receiving from a queue takes nothing that it does not return. What is
            // due comes first, or many requests would keep it waiting; it is never due at once.
            let turn = tokio::select! {
                biased;
                () = tokio::time::sleep_until(rest) => Turn::Rang,
                Some(reply) = self.replies.recv() => Turn::Reported(reply),
                Some(request) = requests.recv() => Turn::Asked(request),
                else => return Ok(()),
            };
            match turn {
                Turn::Asked(request) => self.answer(request),
                Turn::Reported(reply) => self.take_in(reply),
                Turn::Rang => {
                    self.step(Event::Tick);
                    self.tick_catchups();
                    self.tick_records();
                    self.tick_results();
                }
            }
            if self.reopens {
                return Ok(());
            }
        }
        Err(StoreError::Deposed { attempt: "lead" })
    }

    fn now(&self) -> Now {
        Now {
            steady: self.clock.now(),
            wall: wall_clock(),
        }
    }

    /// When to look at the clock next.
    fn rest(&self) -> Instant {
        /// Long enough to cost nothing, when nothing is due.
        const IDLE: Duration = Duration::from_secs(60);
        let due = self.parts.board.read(|state| {
            let course = state.course.as_ref()?;
            course.machine.next_wake()
        });
        let now = self.clock.now();
        let wait = due
            .into_iter()
            .chain(self.catchups.next_wake())
            .chain(self.records.next_wake())
            .chain(self.chronicle.next_wake())
            .min()
            .map_or(IDLE, |due| now.until(due).duration());
        Instant::now() + wait.max(SHORTEST_REST)
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Arrive {
                arrival,
                outbox,
                reply,
            } => self.arrive(*arrival, outbox, reply),
            Request::Hear {
                node,
                session,
                word,
            } => self.hear(&node, session, word),
            Request::Leave { node, session } => self.leave(&node, session),
            Request::Reopen => self.reopens = true,
            Request::Start { start, reply } => self.start(*start, reply),
            Request::Steer {
                rollout,
                author,
                way,
                key,
                reply,
            } => {
                let wanted = steer::Wanted { author, way, key };
                self.steer(rollout, wanted, reply);
            }
        }
    }

    fn take_in(&mut self, reply: Reply) {
        match reply {
            Reply::Opened(result) => self.opened(result),
            Reply::Written {
                rollout,
                outcome,
                version,
                trouble,
            } => {
                self.with_course(rollout, |course| {
                    if let Some(version) = version {
                        course.version = version;
                    }
                    course.trouble.clone_from(&trouble);
                });
                self.step_of(rollout, Event::Written(outcome));
                if let Some(trouble) = trouble {
                    self.put_off_wishes(rollout, &trouble);
                }
            }
            Reply::Read(recorded) => {
                let recorded = *recorded;
                let rollout = recorded.rollout;
                self.with_course(rollout, |course| course.version = recorded.version);
                self.step_of(rollout, Event::Read(Box::new(recorded.record)));
            }
            Reply::Quarantined(stored) => self.put_in_quarantine(stored),
            Reply::Held {
                node,
                session,
                held,
            } => self.greet(&node, session, held),
        }
    }

    fn with_course(&self, rollout: RolloutId, change: impl FnOnce(&mut Course)) {
        self.parts.board.write(|state| {
            if let Some(course) = &mut state.course
                && course.record().id == rollout
            {
                change(course);
            }
        });
    }

    /// Moves the rollout, if it still is this one.
    fn step_of(&mut self, rollout: RolloutId, event: Event) {
        let same = self.parts.board.read(|state| {
            let course = state.course.as_ref();
            course.is_some_and(|course| course.record().id == rollout)
        });
        if same {
            self.step(event);
        }
    }

    /// Moves the rollout that runs, if one does, and does what it says.
    fn step(&mut self, event: Event) {
        let now = self.now();
        let effects = self.parts.board.write(|state| {
            let course = state.course.as_mut()?;
            let was = course.record().phase.clone();
            let effects = course.machine.step(event, now);
            if course.record().phase != was {
                info!(rollout = %course.record().id, phase = course.machine.phase_word(),
                    reason = course.machine.reason(), "rollout goes on");
            }
            let moves = course.is_committed() && state.head.revision == course.from.revision;
            if moves {
                state.head = Arc::clone(&course.next.head);
            }
            Some((effects, moves))
        });
        let Some((effects, moved)) = effects else {
            return;
        };
        self.carry_out(effects);
        if moved {
            let (keepsake, cluster) = (self.parts.keepsake.clone(), self.parts.cluster.clone());
            self.secretary.remember(keepsake, cluster);
            self.bring_along();
        }
        self.answer_wishes();
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut sent = Vec::new();
        for effect in effects {
            match effect {
                Effect::Write(transaction) => {
                    let before = self.parts.board.read(|state| {
                        let course = state.course.as_ref()?;
                        Some((course.record().clone(), course.version))
                    });
                    if let Some((before, version)) = before {
                        let wisher = self.wisher(&transaction.record);
                        let entry = deed::entry(&before, &transaction, wisher);
                        let results = self.results(&transaction.record);
                        self.secretary.write(*transaction, version, entry, results);
                    }
                }
                Effect::Read => {
                    let rollout = self.parts.board.read(|state| {
                        let course = state.course.as_ref();
                        course.map(|course| course.record().id)
                    });
                    if let Some(rollout) = rollout {
                        self.secretary.read(rollout);
                    }
                }
                Effect::Send(node, fence, command) => sent.push((node, fence, command)),
                // Writing to the board has told the watchers already.
                Effect::Progress(node) => debug!(node = %node, "progress"),
                Effect::Finished => self.finished(),
                Effect::Deposed => {
                    error!("another controller leads");
                    self.deposed = true;
                }
            }
        }
        self.send_all(sent);
    }

    fn head(&self) -> Arc<Head> {
        self.parts.board.head()
    }
}
