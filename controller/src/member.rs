//! One controller among those of a cluster: it follows the draft, and leads when it is elected.
//!
//! # Guarantees
//! Whatever a user or an agent is told, it is told under one leadership: the engine of a term that
//! is over answers nothing more, and its agents' streams end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use weft_core::rollout::policy::Policy;

use crate::agents::session::Gate;
use crate::api::desk::Desk;
use crate::engine::board::Board;
use crate::engine::draft::Mirror;
use crate::engine::judge::Judge;
use crate::engine::past;
use crate::engine::port::{Port, Role};
use crate::engine::term::{Parts, Term};
use crate::engine::writer::Writer;
use crate::leader::{Candidate, Election, LEASE, Leadership};
use crate::log::Chain;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::meta::Cluster;
use crate::store::prune::upkeep;
use crate::store::write::Fence;

/// How often a controller that does not lead looks for a new confirmed revision.
const LOOK: Duration = Duration::from_secs(2);

/// How long a new leader waits before it tries again to read what it needs to lead.
const RETRY: Duration = Duration::from_secs(1);

/// How a controller takes part.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who it is to others.
    pub candidate: Candidate,
    /// How long the others wait for a leader that does not answer.
    pub lease: Duration,
    /// How a rollout goes where the user does not say.
    pub policy: Policy,
}

impl Settings {
    /// A controller of this name, reached at this address, with everything else as usual.
    pub fn of(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            candidate: Candidate {
                name: name.into(),
                address: address.into(),
            },
            lease: LEASE,
            policy: Policy::default(),
        }
    }
}

/// A running controller, without its listener.
pub struct Member {
    desk: Desk,
    sessions: TaskTracker,
    tasks: TaskTracker,
    election: Election,
}

/// What the terms of one controller have in common.
struct Seat {
    store: Store,
    cluster: Cluster,
    mirror: Mirror,
    judge: Judge,
    board: Arc<Board>,
    policy: Policy,
    roles: watch::Sender<Role>,
    stop: CancellationToken,
}

impl Member {
    /// Reads what the store has, and starts to follow it and to run for leadership.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: Store,
        settings: Settings,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let cluster = store.cluster().await?;
        let mirror = Mirror::open(store.clone()).await?;
        let judge = Judge::default();
        let board = Arc::new(Board::default());
        let (roles, role) = watch::channel(Role::Following { leader: None });
        let desk = Desk {
            own: settings.candidate.to_string(),
            cluster: cluster.clone(),
            store: store.clone(),
            mirror: mirror.clone(),
            judge: judge.clone(),
            board: Arc::clone(&board),
            roles: role,
            stop: stop.clone(),
        };
        let election = Election::start(store.clone(), settings.candidate, settings.lease);
        let seat = Seat {
            store,
            cluster,
            mirror: mirror.clone(),
            judge,
            board,
            policy: settings.policy,
            roles,
            stop: stop.clone(),
        };
        let tasks = TaskTracker::new();
        tasks.spawn(mirror.run(stop));
        tasks.spawn(seat.hold(election.leadership()));
        Ok(Self {
            desk,
            sessions: TaskTracker::new(),
            tasks,
            election,
        })
    }

    /// What the services work with.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The gate that agents come in by.
    pub fn gate(&self) -> Gate {
        Gate::new(
            self.desk.roles.clone(),
            self.desk.stop.clone(),
            self.sessions.clone(),
        )
    }

    /// Ends in order once `stop` is cancelled, and lets another controller lead at once.
    pub async fn close(self) {
        self.sessions.close();
        self.tasks.close();
        self.tasks.wait().await;
        self.sessions.wait().await;
        self.election.resign().await;
    }
}

impl Seat {
    /// Leads whenever this controller is elected, until `stop`.
    async fn hold(self, mut leadership: watch::Receiver<Leadership>) {
        loop {
            let now = leadership.borrow_and_update().clone();
            let stop = self.stop.clone();
            // Cancel-safe: a term that is dropped leaves nothing but what is in the store, which
            // is all that the next one takes up.
            tokio::select! {
                () = self.serve(now) => {}
                changed = leadership.changed() => {
                    if changed.is_err() {
                        error!("the election ended");
                        return;
                    }
                }
                () = stop.cancelled() => {
                    self.withdraw(None);
                    return;
                }
            }
        }
    }

    /// Serves under one leadership; ends only by being dropped.
    async fn serve(&self, leadership: Leadership) {
        match leadership {
            Leadership::Leader(fence) => self.lead(fence).await,
            Leadership::Follower { leader } => {
                let leader = leader.map(|it| it.to_string());
                info!(leader = leader.as_deref().unwrap_or("none"), "following");
                self.withdraw(leader);
                self.follow().await;
            }
        }
    }

    async fn lead(&self, fence: Fence) {
        info!(epoch = %fence.epoch(), "leading");
        let terms = async {
            loop {
                if let Err(error) = self.term(&fence).await {
                    warn!(error = %Chain(&error), "this term of leadership broke");
                    self.withdraw(None);
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        // Neither ends, and either may be dropped: what is in the store is whole at any time.
        tokio::select! {
            () = terms => {}
            () = upkeep(&self.store, &fence) => {}
        }
    }

    /// Turns everybody away whom only a leader can serve; agents' streams end with the nodes.
    fn withdraw(&self, leader: Option<String>) {
        self.roles.send_replace(Role::Following { leader });
        self.board.forget_nodes();
    }

    async fn term(&self, fence: &Fence) -> Result<(), StoreError> {
        self.mirror.reload_facts().await?;
        let (port, requests) = Port::new();
        let writer = Writer::new(
            self.store.clone(),
            self.mirror.clone(),
            self.judge.clone(),
            fence.clone(),
        );
        let parts = Parts {
            store: self.store.clone(),
            cluster: self.cluster.clone(),
            fence: fence.clone(),
            mirror: self.mirror.clone(),
            judge: self.judge.clone(),
            board: Arc::clone(&self.board),
            writer: writer.clone(),
            usual: self.policy.clone(),
        };
        let term = Term::open(parts).await?;
        self.roles.send_replace(Role::Leading { port, writer });
        term.run(requests).await
    }

    /// Keeps the confirmed revision and the facts as the leader stores them.
    async fn follow(&self) {
        loop {
            if let Err(error) = self.look().await {
                warn!(error = %Chain(&error), "the confirmed revision cannot be read");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let head = self.store.head().await?;
        if head.revision != self.board.head().revision {
            let head = past::head(&self.store, head).await?;
            self.board.set_head(Arc::new(head));
            self.mirror.reload_facts().await?;
        }
        Ok(())
    }
}
