//! What to say to a node that connects and is no participant of the rollout that runs.

use weft_model::message::{Command, Confirmed, Hello, Lease, Progress, Standing};
use weft_model::revision::RolloutId;

use super::record::{Decision, Leader};

/// What is known of the rollout that a node holds an unsettled change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// No such rollout is stored.
    Unknown,
    /// It is the one that runs.
    Undecided,
    /// It was committed.
    Committed,
    /// It was aborted.
    Aborted,
}

impl Held {
    /// What a decision, or the want of one, makes of a stored rollout.
    pub fn of(decision: Option<&Decision>) -> Self {
        match decision {
            None => Self::Undecided,
            Some(Decision::Commit) => Self::Committed,
            Some(Decision::Abort(_)) => Self::Aborted,
        }
    }
}

/// What to do with a node that connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It has what it should have.
    Current,
    /// Something else will come of it: the rollout that runs, another leader, or the operator.
    Wait,
    /// Say this, of this rollout.
    Say(RolloutId, Command),
    /// It must not be touched before the operator has looked.
    Quarantine(Strangeness),
}

/// Why a node must not be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strangeness {
    /// It belongs to another cluster.
    OtherCluster,
    /// It has heard of a later store than this one.
    StoreOutdated,
    /// It has confirmed a later rollout than the store knows.
    Ahead,
}

impl Strangeness {
    /// What it means, and what to do.
    pub fn words(self) -> &'static str {
        match self {
            Self::OtherCluster => {
                "the node belongs to another cluster; wipe its state directory to take it over"
            }
            Self::StoreOutdated => {
                "the node has heard of a later store than this one; \
                 see whether an old controller still runs"
            }
            Self::Ahead => {
                "the node has confirmed a rollout that the store does not know; \
                 see whether the store was restored from a backup"
            }
        }
    }
}

/// What to say to a node. `head` is what the node should have, and the rollout that set the head;
/// `held` is what is known of the rollout of its unsettled change, if it has one.
pub fn welcome(
    leader: &Leader,
    head: Confirmed,
    lease: Lease,
    hello: &Hello,
    held: Held,
) -> Welcome {
    if let Some(pin) = &hello.pin {
        if pin.cluster != leader.cluster {
            return Welcome::Quarantine(Strangeness::OtherCluster);
        }
        if pin.incarnation > leader.incarnation {
            return Welcome::Quarantine(Strangeness::StoreOutdated);
        }
    }
    if is_of_before(leader, hello) {
        return restored(head, lease, hello.standing);
    }
    if hello.epoch > leader.epoch {
        return Welcome::Wait;
    }
    match hello.standing {
        Standing::Settled => settled(head, lease, hello.confirmed),
        Standing::Unsettled {
            rollout, progress, ..
        } => unsettled(head, lease, rollout, progress, held),
    }
}

/// Whether a node last heard of the store before it was restored from a backup, which an operator
/// has accepted since. Its numbers of rollouts and epochs are of a past that is no more.
pub fn is_of_before(leader: &Leader, hello: &Hello) -> bool {
    let pin = hello
        .pin
        .as_ref()
        .filter(|pin| pin.cluster == leader.cluster);
    pin.is_some_and(|pin| pin.incarnation < leader.incarnation)
}

/// What a node's hello says against this store: that the node knows of a later past than the store
/// does. No node can in one history, because a node is told of what is stored already.
///
/// Who finds this must make sure that it leads still: a leader that was deposed sees the same.
pub fn contradiction(leader: &Leader, newest: RolloutId, hello: &Hello) -> Option<String> {
    let pin = hello.pin.as_ref()?;
    if pin.cluster != leader.cluster || is_of_before(leader, hello) {
        return None;
    }
    if pin.incarnation > leader.incarnation {
        return Some(format!(
            "it has heard of incarnation {} of the store, and this is {}",
            pin.incarnation, leader.incarnation
        ));
    }
    if hello.confirmed.rollout > newest {
        return Some(format!(
            "it has confirmed rollout {}, and the store knows none after {newest}",
            hello.confirmed.rollout
        ));
    }
    (hello.epoch > leader.epoch).then(|| {
        format!(
            "it has obeyed a leader elected at version {} of the store, and this one was elected \
             later at version {}",
            hello.epoch, leader.epoch
        )
    })
}

/// What to say to a node of before the store was restored: to drop what it has in hand, and then
/// to become what the head has. A node that has that already takes the new incarnation by it.
fn restored(head: Confirmed, lease: Lease, standing: Standing) -> Welcome {
    match standing {
        Standing::Settled => {
            let to = head.target;
            Welcome::Say(head.rollout, Command::CatchUp { to, lease })
        }
        Standing::Unsettled {
            progress: Progress::Stuck,
            ..
        } => Welcome::Wait,
        Standing::Unsettled { rollout, .. } => Welcome::Say(rollout, Command::Rollback),
    }
}

/// What to say to a node that has nothing in hand.
pub fn settled(head: Confirmed, lease: Lease, confirmed: Confirmed) -> Welcome {
    if confirmed.target.digest == head.target.digest {
        Welcome::Current
    } else if confirmed.rollout > head.rollout {
        Welcome::Quarantine(Strangeness::Ahead)
    } else {
        let to = head.target;
        Welcome::Say(head.rollout, Command::CatchUp { to, lease })
    }
}

fn unsettled(
    head: Confirmed,
    lease: Lease,
    rollout: RolloutId,
    progress: Progress,
    held: Held,
) -> Welcome {
    match (held, progress) {
        (Held::Undecided, _) | (_, Progress::Stuck) => Welcome::Wait,
        (Held::Unknown | Held::Aborted, _) => Welcome::Say(rollout, Command::Rollback),
        // Always to the head, never to what an earlier rollout brought.
        (Held::Committed, Progress::Reverted) if rollout < head.rollout => {
            let to = head.target;
            Welcome::Say(head.rollout, Command::CatchUp { to, lease })
        }
        (
            Held::Committed,
            Progress::Armed | Progress::Verified | Progress::Reverting | Progress::Reverted,
        ) => Welcome::Say(rollout, Command::Confirm),
        // It was no participant when the decision fell, and has changed nothing.
        (Held::Committed, Progress::Prepared) => Welcome::Say(rollout, Command::Rollback),
    }
}
