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
use crate::api::reading::UNREAD;
use crate::engine::board::Board;
use crate::engine::clock::wall_clock;
use crate::engine::draft::Mirror;
use crate::engine::judge::Judge;
use crate::engine::keepsake::Keepsake;
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
use crate::store::quarantine::Quarantine;
use crate::store::write::Fence;

/// How often a controller that does not lead looks for a new confirmed revision.
const LOOK: Duration = Duration::from_secs(2);

/// How often a leader remembers how far the store is.
const REMEMBER: Duration = Duration::from_secs(10);

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
    /// What is remembered of the store outside of it.
    pub keepsake: Keepsake,
    /// How long a client may leave unread what it asked for.
    pub unread: Duration,
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
            keepsake: Keepsake::default(),
            unread: UNREAD,
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
    keepsake: Keepsake,
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
            cluster,
            store: store.clone(),
            mirror: mirror.clone(),
            judge: judge.clone(),
            board: Arc::clone(&board),
            roles: role,
            unread: settings.unread,
            stop: stop.clone(),
        };
        let election = Election::start(store.clone(), settings.candidate, settings.lease);
        let seat = Seat {
            store,
            keepsake: settings.keepsake,
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
                biased;
                () = stop.cancelled() => {
                    self.withdraw(None);
                    return;
                }
                changed = leadership.changed() => {
                    if changed.is_err() {
                        error!("the election ended");
                        return;
                    }
                }
                () = self.serve(now) => {}
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
                match self.term(&fence).await {
                    Ok(()) => info!("the store is read anew"),
                    Err(error) => warn!(error = %Chain(&error), "this term of leadership broke"),
                }
                self.withdraw(None);
                tokio::time::sleep(RETRY).await;
            }
        };
        // Neither ends, and either may be dropped: what is in the store is whole at any time.
        tokio::select! {
            biased;
            () = terms => {}
            () = upkeep(&self.store, &fence) => {}
            () = self.remember() => {}
        }
    }

    /// Turns everybody away whom only a leader can serve; agents' streams end with the nodes.
    fn withdraw(&self, leader: Option<String>) {
        self.roles.send_replace(Role::Following { leader });
        self.board.forget_nodes();
    }

    async fn term(&self, fence: &Fence) -> Result<(), StoreError> {
        self.mirror.reload_facts().await?;
        let cluster = self.store.cluster().await?;
        let quarantine = self.examine(&cluster, fence).await?;
        let (port, requests) = Port::new();
        let writer = Writer::new(
            self.store.clone(),
            self.mirror.clone(),
            self.judge.clone(),
            fence.clone(),
        );
        let parts = Parts {
            store: self.store.clone(),
            cluster,
            fence: fence.clone(),
            mirror: self.mirror.clone(),
            judge: self.judge.clone(),
            board: Arc::clone(&self.board),
            writer: writer.clone(),
            usual: self.policy.clone(),
            keepsake: self.keepsake.clone(),
            quarantine,
        };
        let term = Term::open(parts).await?;
        self.roles.send_replace(Role::Leading { port, writer });
        term.run(requests).await
    }

    /// Whether the store is the one that was there before; what is known of it is stored.
    async fn examine(
        &self,
        cluster: &Cluster,
        fence: &Fence,
    ) -> Result<Option<Quarantine>, StoreError> {
        let mark = self.store.mark().await?;
        if let Some(why) = self.keepsake.contradicts(cluster, &mark)
            && self.store.quarantine().await?.is_none()
        {
            error!(reason = why, "the store was restored from a backup");
            let since = wall_clock();
            let quarantine = Quarantine { why, since };
            self.store.put_quarantine(fence, &quarantine).await?;
        }
        let quarantine = self.store.quarantine().await?;
        if quarantine.is_none() {
            self.keepsake.keep(cluster, mark);
        }
        Ok(quarantine)
    }

    /// Remembers now and then how far the store is; ends only by being dropped.
    async fn remember(&self) {
        loop {
            tokio::time::sleep(REMEMBER).await;
            let seen = async {
                let cluster = self.store.cluster().await?;
                let mark = self.store.mark().await?;
                let known = self.store.quarantine().await?;
                Ok::<_, StoreError>(known.is_none().then_some((cluster, mark)))
            };
            match seen.await {
                // A store that went back under a leader has no key of that leader any more: the
                // next term examines it.
                Ok(Some((cluster, mark)))
                    if self.keepsake.contradicts(&cluster, &mark).is_none() =>
                {
                    self.keepsake.keep(&cluster, mark);
                }
                Ok(_) => {}
                Err(error) => warn!(error = %Chain(&error), "how far the store is is not known"),
            }
        }
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
