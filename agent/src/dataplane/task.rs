//! The loop that owns the driver: answers the handle, hears the kernel, heals drift.
//!
//! Every arm of its `select!` only waits, and may be dropped while it does: the desk's `next`, the
//! driver's `changed` and a sleep lose nothing when dropped. Work that makes steps may be dropped
//! between them; then all is looked at again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};
use weft_model::facts::Facts;
use weft_model::plan::NodePlan;
use weft_model::report::{Fault, NodeEvent};
use weft_node::disruption::disruptions;
use weft_node::driver::{Changes, Driver};
use weft_node::own::Owner;
use weft_node::plan::plan;
use weft_node::refusal::refusals;
use weft_node::scope::Scope;

use super::Checked;
use super::desk::{Closed, Desk};
use super::pace::Pace;
use super::request::Request;

/// How long to wait after a change for those that come with it.
const SETTLE: Duration = Duration::from_millis(50);
/// How often everything is read anew, against what might have been missed.
const RESYNC: Duration = Duration::from_secs(600);
/// How long to wait after the kernel could not be read.
const UNREADABLE: Duration = Duration::from_secs(1);

pub(super) type Collecting = (u32, Vec<oneshot::Sender<Result<u32, Vec<Fault>>>>);

pub(super) struct Task<D> {
    pub(super) driver: D,
    pub(super) owner: Option<Owner>,
    pub(super) target: Option<Arc<NodePlan>>,
    /// What changed and was not compared with the target yet.
    pub(super) dirty: Dirty,
    pub(super) pace: Pace,
    /// What was said last of devices that differ and are left, by device.
    pub(super) told: std::collections::BTreeMap<String, String>,
    /// The devices that differ and are left to whoever changes them, when they were last looked at.
    pub(super) left: BTreeSet<String>,
    /// Where the respites are kept that are heeded.
    pub(super) respites: Option<PathBuf>,
    /// Whether the last repair failed and nobody was told yet.
    pub(super) failed: bool,
    pub(super) events: mpsc::Sender<NodeEvent>,
    facts: watch::Sender<Arc<Facts>>,
    facts_changed: bool,
    pub(super) collecting: Option<Collecting>,
    pub(super) heal_at: Option<Instant>,
    resync_at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) names: BTreeSet<String>,
    pub(super) nat: bool,
    pub(super) frr: bool,
    pub(super) all: bool,
}

impl Dirty {
    pub(super) fn take(&mut self) -> Scope {
        let Self {
            names,
            nat,
            frr,
            all,
        } = std::mem::take(self);
        if all {
            Scope::All
        } else {
            Scope::Some { names, nat, frr }
        }
    }
}

enum Woken {
    Asked(Request),
    Changed,
    Timer,
}

impl<D: Driver> Task<D> {
    pub(super) async fn new(
        mut driver: D,
        owner: Option<Owner>,
        events: mpsc::Sender<NodeEvent>,
    ) -> (Self, watch::Receiver<Arc<Facts>>) {
        let (facts, receiver) = watch::channel(Arc::new(driver.facts().await));
        let task = Self {
            driver,
            owner,
            target: None,
            dirty: Dirty::default(),
            pace: Pace::default(),
            told: std::collections::BTreeMap::new(),
            left: BTreeSet::new(),
            respites: None,
            failed: false,
            events,
            facts,
            facts_changed: false,
            collecting: None,
            heal_at: None,
            resync_at: Instant::now() + RESYNC,
        };
        (task, receiver)
    }

    /// Runs until the handle is dropped.
    pub(super) async fn run(mut self, requests: mpsc::Receiver<Request>) {
        let mut desk = Desk::new(requests);
        loop {
            let woken = if self.collecting.is_some() {
                match desk.try_next() {
                    Ok(Some(request)) => Woken::Asked(request),
                    Ok(None) => {
                        desk.unless_urgent(self.collect_some()).await;
                        Woken::Changed
                    }
                    Err(Closed) => return,
                }
            } else {
                let wake_at = self
                    .heal_at
                    .map_or(self.resync_at, |at| at.min(self.resync_at));
                tokio::select! {
                    biased;
                    request = desk.next() => match request {
                        Ok(request) => Woken::Asked(request),
                        Err(Closed) => return,
                    },
                    () = self.driver.changed() => Woken::Changed,
                    () = sleep_until(wake_at) => Woken::Timer,
                }
            };
            match woken {
                Woken::Asked(request) => self.answer(request).await,
                Woken::Changed => self.hear().await,
                Woken::Timer => {}
            }
            let now = Instant::now();
            if self.resync_at <= now {
                self.resync_at = now + RESYNC;
                self.resync().await;
            }
            if self.heal_at.is_some_and(|at| at <= now) {
                self.heal_at = None;
                if desk.unless_urgent(self.heal()).await {
                    self.tell_facts().await;
                } else {
                    // What was being healed, and what was heard on the way, is looked for again.
                    self.dirty.all = true;
                    self.heal_at = Some(Instant::now());
                }
            }
        }
    }

    async fn answer(&mut self, request: Request) {
        // Whoever asked may have gone; then nobody wants the answer.
        match request {
            Request::Join { cluster, answer } => {
                self.owner = Some(Owner::new(cluster));
                let _ = answer.send(());
            }
            Request::Check { next, answer } => {
                let _ = answer.send(self.check(&next).await);
            }
            Request::Apply { next, mut answer } => {
                // Who does not wait for it any more wants the node to be something else, and soon.
                let applied = tokio::select! {
                    biased;
                    () = answer.closed() => None,
                    applied = self.apply(next) => Some(applied),
                };
                match applied {
                    Some(applied) => {
                        let _ = answer.send(applied);
                    }
                    None => info!("a plan that was being made true is given up"),
                }
            }
            Request::Collect { answer } => {
                let (_, waiting) = self.collecting.get_or_insert_default();
                waiting.push(answer);
            }
            Request::Heed { respites, answer } => {
                self.respites = Some(respites);
                let _ = answer.send(());
            }
            Request::SetTarget { target, answer } => {
                self.mind_frr(target.as_deref());
                self.target = target;
                self.dirty.all = true;
                self.heal_at = Some(Instant::now());
                let _ = answer.send(());
            }
        }
    }

    /// Takes in what the kernel said.
    pub(super) async fn hear(&mut self) {
        match self.driver.look().await {
            Ok(changes) => self.note(changes),
            Err(error) => {
                warn!(error = %error, "cannot read the kernel");
                self.dirty.all = true;
                sleep(UNREADABLE).await;
            }
        }
    }

    fn note(&mut self, changes: Changes) {
        let Changes {
            names,
            nat,
            frr,
            facts,
            all,
        } = changes;
        let is_nothing = names.is_empty() && !nat && !frr && !all && !facts;
        self.dirty.names.extend(names);
        self.dirty.nat |= nat;
        self.dirty.frr |= frr;
        self.dirty.all |= all;
        self.facts_changed |= facts;
        if !is_nothing {
            // Soon, also where something else is put off to later.
            let soon = Instant::now() + SETTLE;
            self.heal_at = Some(self.heal_at.map_or(soon, |at| at.min(soon)));
        }
    }

    pub(super) async fn resync(&mut self) {
        match self.driver.look_again().await {
            Ok(()) => {
                self.dirty.all = true;
                self.facts_changed = true;
                self.heal_at = Some(Instant::now());
            }
            Err(error) => warn!(error = %error, "cannot read the kernel"),
        }
    }

    async fn tell_facts(&mut self) {
        if std::mem::take(&mut self.facts_changed) {
            let facts = Arc::new(self.driver.facts().await);
            self.facts.send_if_modified(|was| {
                let changed = *was != facts;
                if changed {
                    *was = facts;
                }
                changed
            });
        }
    }

    pub(super) fn owner(&self) -> Result<Owner, Vec<Fault>> {
        self.owner.clone().ok_or_else(|| {
            vec![Fault {
                origin: None,
                attempt: "cannot tell which devices are ours".to_owned(),
                cause: "the node belongs to no cluster yet".to_owned(),
                advice: String::new(),
            }]
        })
    }

    /// Has FRR looked at where the plan wants something of it.
    pub(super) fn mind_frr(&mut self, plan: Option<&NodePlan>) {
        let is_wanted = |plan: &NodePlan| plan.stanzas().next().is_some();
        let target = self.target.as_deref();
        self.driver
            .mind_frr(plan.is_some_and(is_wanted) || target.is_some_and(is_wanted));
    }

    /// What has to be looked at to get from the target to `next`.
    pub(super) fn scope(&mut self, next: &NodePlan) -> Scope {
        match &self.target {
            Some(target) if !self.dirty.all => {
                let Scope::Some { names, nat, frr } = Scope::between(target, next) else {
                    return Scope::All;
                };
                let nat = nat | self.dirty.nat;
                let frr = frr | self.dirty.frr;
                Scope::Some { names, nat, frr }.and(self.dirty.names.iter().cloned())
            }
            Some(_) | None => Scope::All,
        }
    }

    async fn check(&mut self, next: &NodePlan) -> Result<Checked, Vec<Fault>> {
        let owner = self.owner()?;
        self.mind_frr(Some(next));
        self.hear().await;
        self.facts_changed = true;
        self.tell_facts().await;
        let scope = self.scope(next);
        let planned = plan(&owner, next, self.driver.seen(), &scope);
        let abilities = self.driver.abilities(&self.facts.borrow());
        let mut found = refusals(&abilities, next, self.driver.seen(), &scope);
        found.extend(planned.clashes);
        if found.is_empty()
            && let Some(cause) = self.driver.try_frr(&planned.steps).await
        {
            found.push(Fault {
                origin: None,
                attempt: "cannot tell FRR what the plan has for it".to_owned(),
                cause,
                advice: "see the lines of snippets".to_owned(),
            });
        }
        if !found.is_empty() {
            return Err(found);
        }
        let now = self.target.as_deref();
        Ok(Checked {
            steps: planned.steps.iter().map(ToString::to_string).collect(),
            disruptive: now
                .map(|now| disruptions(&owner, now, next, self.driver.seen()))
                .unwrap_or_default(),
        })
    }
}
