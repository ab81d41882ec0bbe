//! Which controller leads.
//!
//! # Protocol
//! Every controller makes a key under one prefix, which vanishes with its lease. The oldest of the
//! keys leads, and the revision that made it is the leader's epoch.
//!
//! # Guarantees
//! [`Leadership::Leader`] is withdrawn half a lease after the last renewal that etcd answered,
//! counted from when it was sent. etcd itself waits a whole lease before another controller leads.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use weft_model::revision::Epoch;

use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::keys;
use crate::store::kv::KvError;
use crate::store::kv::entry::{Compare, Lease, Op, Txn, Want};
use crate::store::kv::watch::KvWatch;
use crate::store::write::Fence;

/// Who leads, as far as this controller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// This controller leads, and this is its proof.
    Leader(Fence),
    /// It does not; another one may.
    Follower {
        /// The one that does, where it is known.
        leader: Option<Candidate>,
    },
}

impl Leadership {
    /// The proof, where this controller leads.
    pub fn fence(&self) -> Option<&Fence> {
        match self {
            Self::Leader(fence) => Some(fence),
            Self::Follower { .. } => None,
        }
    }
}

/// A controller that would lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The controller's name.
    pub name: String,
    /// Where its API listens.
    pub address: String,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}

/// How long etcd keeps a leader that does not answer.
pub const LEASE: Duration = Duration::from_secs(10);

/// How often candidates are listed without being told that they changed: a watch may lose what it
/// should tell, and nobody would lead.
const LOOK: Duration = Duration::from_secs(10);

/// How long to wait before a campaign that failed is started again.
const PAUSE: Duration = Duration::from_millis(500);

/// Forgets every candidate of before. Only for a store that this controller has started itself and
/// that ended with whoever used it before: nobody who is forgotten can be alive, and waiting for
/// their leases, which etcd extends when it starts, would only keep everybody waiting. Were one
/// alive after all, its writes would fail as deposed, as those of any leader whose key is gone.
///
/// # Errors
/// When the store cannot be written.
pub async fn forget_the_dead(store: &Store) -> Result<(), StoreError> {
    let attempt = "forget the leader of before";
    let kv = store.kv();
    let page = kv.all(keys::LEADER, Want::Keys, None).await;
    let entries = page.map_err(|error| error.during(attempt))?.entries;
    for entry in entries {
        let txn = Txn {
            when: Vec::new(),
            then: vec![Op::Delete(entry.key)],
            otherwise: Vec::new(),
        };
        kv.txn(txn).await.map_err(|error| error.during(attempt))?;
    }
    Ok(())
}

/// A running candidacy; dropping it gives up, and leaves the lease to run out.
pub struct Election {
    leadership: watch::Receiver<Leadership>,
    resign: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Election {
    /// Starts to run for leadership, for ever. A runtime must be there.
    pub fn start(store: Store, candidate: Candidate, lease: Duration) -> Self {
        let (told, leadership) = watch::channel(Leadership::Follower { leader: None });
        let resign = CancellationToken::new();
        let campaign = Campaign {
            store,
            candidate,
            ttl: lease,
            told,
            resign: resign.clone(),
        };
        Self {
            leadership,
            resign,
            task: AbortOnDropHandle::new(tokio::spawn(campaign.run())),
        }
    }

    /// Who leads, now and after every change.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Gives up at once, so that another controller can lead without waiting for the lease.
    pub async fn resign(self) {
        self.resign.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the election ended badly");
        }
    }
}

struct Campaign {
    store: Store,
    candidate: Candidate,
    ttl: Duration,
    told: watch::Sender<Leadership>,
    resign: CancellationToken,
}

/// Why a term ended.
enum Ended {
    /// Someone asked for it.
    Resigned,
    /// The lease could not be renewed in time, or is gone.
    Lost,
}

/// What happens during a term.
enum Turn {
    Resign,
    Renewed(Renewal),
    Overdue,
    Moved(Result<(), KvError>),
}

/// How the lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    /// It was renewed; the request was sent at this time.
    Sent(Instant),
    /// It is gone.
    Gone,
}

impl Campaign {
    async fn run(self) {
        loop {
            let term = tokio::select! {
                biased;
                () = self.resign.cancelled() => return,
                term = self.enroll() => term,
            };
            match term {
                Ok(term) => {
                    let lease = term.lease;
                    let ended = self.serve(term).await;
                    self.tell(Leadership::Follower { leader: None });
                    // Should it not be answered, the lease runs out.
                    let revoked = self.store.kv().revoke(lease).await;
                    tracing::debug!(?revoked, "gave the leader's lease back");
                    if matches!(ended, Ended::Resigned) {
                        return;
                    }
                }
                Err(error) => {
                    let error = error.during("run for leadership");
                    tracing::warn!(error = &error as &dyn std::error::Error, "not elected");
                }
            }
            tokio::select! {
                biased;
                () = self.resign.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Makes this controller's key.
    async fn enroll(&self) -> Result<Term, KvError> {
        let kv = self.store.kv();
        let sent = Instant::now();
        let lease = kv.grant(self.ttl).await?;
        let key = format!("{}{:016x}", keys::LEADER, lease.0);
        let value = serde_json::to_vec(&self.candidate);
        let value = value.map_err(|error| KvError::Refused(error.into()))?;
        // A lost answer costs a lease: it runs out, and so does its key.
        let txn = Txn {
            when: vec![Compare::Absent(key.clone())],
            then: vec![Op::Put {
                key: key.clone(),
                value: value.into(),
                lease: Some(lease),
            }],
            otherwise: Vec::new(),
        };
        let reply = kv.txn(txn).await?;
        let (renewals, renewed) = watch::channel(Renewal::Sent(sent));
        let renewing = renew(self.store.clone(), lease, self.ttl, renewals);
        Ok(Term {
            lease,
            fence: Fence::new(key, Epoch(reply.revision)),
            renewed,
            _renewing: AbortOnDropHandle::new(tokio::spawn(renewing)),
        })
    }

    /// Waits to lead, leads, until that ends.
    async fn serve(&self, mut term: Term) -> Ended {
        let mut candidates = Candidates::new(self.store.clone());
        loop {
            let Renewal::Sent(sent) = *term.renewed.borrow_and_update() else {
                return Ended::Lost;
            };
            // Every arm is cancel-safe: what one would have said is there in the next round.
            let turn = tokio::select! {
                biased;
                () = self.resign.cancelled() => Turn::Resign,
                () = sleep_until(sent + self.ttl / 2) => Turn::Overdue,
                changed = term.renewed.changed() => match changed {
                    Ok(()) => Turn::Renewed(*term.renewed.borrow()),
                    Err(_) => Turn::Renewed(Renewal::Gone),
                },
                moved = candidates.changed() => Turn::Moved(moved),
            };
            match turn {
                Turn::Resign => return Ended::Resigned,
                Turn::Overdue | Turn::Renewed(Renewal::Gone) => return Ended::Lost,
                Turn::Renewed(Renewal::Sent(_)) => {}
                Turn::Moved(Err(error)) => {
                    tracing::debug!(?error, "cannot see the other candidates");
                }
                Turn::Moved(Ok(())) => match self.standing(&term.fence, &candidates) {
                    Some(leadership) => self.tell(leadership),
                    None => return Ended::Lost,
                },
            }
        }
    }

    /// Who leads; `None` when this controller's own key is gone.
    fn standing(&self, fence: &Fence, candidates: &Candidates) -> Option<Leadership> {
        let oldest = candidates.present.first()?;
        candidates
            .present
            .iter()
            .find(|(epoch, _)| *epoch == fence.epoch())?;
        Some(if oldest.0 == fence.epoch() {
            Leadership::Leader(fence.clone())
        } else {
            Leadership::Follower {
                leader: oldest.1.clone(),
            }
        })
    }

    fn tell(&self, leadership: Leadership) {
        self.told.send_if_modified(|told| {
            let changed = *told != leadership;
            if changed {
                match &leadership {
                    Leadership::Leader(fence) => {
                        tracing::info!(epoch = %fence.epoch(), "this controller leads");
                    }
                    Leadership::Follower { leader } => {
                        let leader = leader.as_ref().map(|leader| leader.name.as_str());
                        tracing::info!(leader, "this controller does not lead");
                    }
                }
                *told = leadership;
            }
            changed
        });
    }
}

/// One candidacy, from the making of the key to its end.
struct Term {
    lease: Lease,
    fence: Fence,
    renewed: watch::Receiver<Renewal>,
    _renewing: AbortOnDropHandle<()>,
}

/// Renews the lease, and says when.
async fn renew(store: Store, lease: Lease, ttl: Duration, renewals: watch::Sender<Renewal>) {
    loop {
        sleep(ttl / 6).await;
        let sent = Instant::now();
        match timeout(ttl / 4, store.kv().keep_alive(lease)).await {
            Ok(Ok(())) => renewals.send_replace(Renewal::Sent(sent)),
            Ok(Err(KvError::LeaseLost)) => {
                renewals.send_replace(Renewal::Gone);
                return;
            }
            Ok(Err(error)) => {
                tracing::debug!(?error, "the leader's lease was not renewed");
                continue;
            }
            Err(elapsed) => {
                tracing::debug!(%elapsed, "the leader's lease was not renewed");
                continue;
            }
        };
    }
}

/// The candidates, oldest first.
struct Candidates {
    store: Store,
    present: Vec<(Epoch, Option<Candidate>)>,
    watch: Option<KvWatch>,
    listed: Instant,
    /// Whether the list may be out of date.
    stale: bool,
    failed: bool,
}

impl Candidates {
    fn new(store: Store) -> Self {
        Self {
            store,
            present: Vec::new(),
            watch: None,
            listed: Instant::now(),
            stale: true,
            failed: false,
        }
    }

    /// Waits until the list may be another. Cancel-safe: what is begun is begun anew.
    async fn changed(&mut self) -> Result<(), KvError> {
        if self.failed {
            sleep(PAUSE).await;
            self.failed = false;
        }
        let changed = self.follow().await;
        if changed.is_err() {
            self.watch = None;
            self.stale = true;
            self.failed = true;
        }
        changed
    }

    async fn follow(&mut self) -> Result<(), KvError> {
        while !self.stale {
            match &mut self.watch {
                // Cancel-safe: a message is taken whole or not, and the time is a point in it.
                Some(watch) => tokio::select! {
                    message = watch.next() => self.stale = !message?.events.is_empty(),
                    () = sleep_until(self.listed + LOOK) => self.stale = true,
                },
                None => self.stale = true,
            }
        }
        let kv = self.store.kv();
        let page = kv.all(keys::LEADER, Want::Values, None).await?;
        if self.watch.is_none() {
            self.watch = Some(kv.watch(keys::LEADER, page.revision + 1).await?);
        }
        let read = page.entries.iter().map(|entry| {
            let candidate = serde_json::from_slice(&entry.value).ok();
            (Epoch(entry.created), candidate)
        });
        self.present = read.collect();
        self.present.sort_by_key(|(epoch, _)| *epoch);
        self.stale = false;
        self.listed = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(store: &Store, name: &str) -> Election {
        let candidate = Candidate {
            name: name.to_owned(),
            address: format!("http://{name}"),
        };
        Election::start(store.clone(), candidate, LEASE)
    }

    async fn elected(election: &Election) -> Fence {
        let mut leadership = election.leadership();
        let leads = leadership.wait_for(|now| now.fence().is_some()).await;
        leads.unwrap().fence().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_leads_and_the_second_knows_it() {
        let store = Store::memory();
        let one = run(&store, "one");
        elected(&one).await;
        let two = run(&store, "two");
        let mut seen = two.leadership();
        let known = Leadership::Follower {
            leader: Some(Candidate {
                name: "one".to_owned(),
                address: "http://one".to_owned(),
            }),
        };
        seen.wait_for(|now| *now == known).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_resigns_is_followed_at_once() {
        let store = Store::memory();
        let one = run(&store, "one");
        let first = elected(&one).await;
        let two = run(&store, "two");
        sleep(Duration::from_secs(1)).await;
        let before = Instant::now();
        one.resign().await;
        let second = elected(&two).await;
        assert!(before.elapsed() < Duration::from_secs(1));
        assert!(second.epoch() > first.epoch());
    }

    #[tokio::test(start_paused = true)]
    async fn who_vanishes_is_followed_when_its_lease_ran_out() {
        let store = Store::memory();
        let one = run(&store, "one");
        elected(&one).await;
        let two = run(&store, "two");
        sleep(Duration::from_secs(1)).await;
        let before = Instant::now();
        drop(one);
        elected(&two).await;
        let waited = before.elapsed();
        assert!(waited > LEASE / 2 && waited <= LEASE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_died_with_its_store_is_followed_at_once_and_can_write_nothing_more() {
        let store = Store::memory();
        let one = run(&store, "one");
        let first = elected(&one).await;
        drop(one);
        let before = Instant::now();
        forget_the_dead(&store).await.unwrap();
        let two = run(&store, "two");
        let second = elected(&two).await;
        assert!(before.elapsed() < Duration::from_secs(1));
        assert!(second.epoch() > first.epoch());
        let node = "n1".parse().unwrap();
        let late = store.forget_node(&first, &node).await;
        assert!(matches!(late, Err(StoreError::Deposed { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_whose_lease_is_gone_says_so_and_runs_again() {
        let store = Store::memory();
        let one = run(&store, "one");
        let first = elected(&one).await;
        let mut leadership = one.leadership();
        store.kv().revoke(Lease(1)).await.unwrap();
        let lost = leadership.wait_for(|now| now.fence().is_none()).await;
        drop(lost.unwrap());
        assert!(elected(&one).await.epoch() > first.epoch());
    }
}
