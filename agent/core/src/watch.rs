//! When another than its agent must undo a node's change: the patience of the watchdog.
//!
//! To the protocol the watchdog is an agent that starts, finds its deadline past, goes back and
//! ends. What is decided here is only when it may be that agent.
//!
//! # Guarantees
//! - Nothing is done before the deadline on disk, and nothing to a change that is settled.
//! - Time is given in looks, not on a clock: a host that was suspended, or had no processor to
//!   give, comes back to an agent that still has nearly all of it.
//! - An agent that began only after the deadline is given the same time again, once.
//!
//! # Assumes
//! - Looks are [`LOOK`] apart, and the journal is read afresh for each.
//! - What follows is decided again by whoever has the ledger's lock, with the journal that is there
//!   then ([`is_due`]): this is why a look that comes too late does no harm.

use weft_model::clock::{Moment, Span};
use weft_model::revision::RolloutId;

use crate::session::journal::{BootId, Journal, State};

/// The time between two looks at a node that should be going back.
pub const LOOK: Span = Span(500);

/// How many looks an agent is given after its deadline. It acts within half a second of it when it
/// is well; the node must be back five seconds after it, and going back takes time as well.
const PATIENCE: u32 = 3;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until the journal changes.
    Sleep,
    /// Nothing, until the journal changes or this moment comes.
    Until(Moment),
    /// Look again after [`LOOK`].
    Again,
    /// Take the ledger's lock, if nobody has it, and go back.
    TakeOver,
    /// End this process, which has the lock and does nothing, then the same.
    End(u32),
}

/// What was seen of one change that should be going back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    case: Option<Case>,
    /// Looks at this case.
    looks: u32,
    /// Looks at this case at which nobody had the ledger.
    alone: u32,
    holder: Option<u32>,
    /// Looks at this case at which this same process had it, without a break.
    held: u32,
}

/// Which change, and how far it is. Whoever gets one further is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Overdue { rollout: RolloutId, until: Moment },
    Unfinished { rollout: RolloutId, attempts: u32 },
}

impl Watch {
    /// Takes in the journal as it is now, and which process says that the ledger is its own.
    pub fn look(
        &mut self,
        journal: &Journal,
        boot: &BootId,
        now: Moment,
        holder: Option<u32>,
    ) -> Next {
        let case = match case(journal, boot) {
            Some(Case::Overdue { until, .. }) if now < until => {
                *self = Self::default();
                return Next::Until(until);
            }
            Some(case) => case,
            None => {
                *self = Self::default();
                return Next::Sleep;
            }
        };
        if self.case != Some(case) {
            *self = Self {
                case: Some(case),
                ..Self::default()
            };
        }
        self.looks += 1;
        self.alone += u32::from(holder.is_none());
        self.held = if self.holder == holder {
            self.held + 1
        } else {
            1
        };
        self.holder = holder;
        match (case, holder) {
            (Case::Overdue { .. }, None) if self.looks > PATIENCE => Next::TakeOver,
            (Case::Overdue { .. }, Some(holder))
                if self.held > PATIENCE || self.looks > 2 * PATIENCE =>
            {
                Next::End(holder)
            }
            // Going back takes as long as it takes, and who does it has the ledger meanwhile. An
            // agent that hangs in it is systemd's to end, by its own sign of life.
            (Case::Unfinished { .. }, None) if self.alone > PATIENCE => Next::TakeOver,
            (Case::Overdue { .. } | Case::Unfinished { .. }, _) => Next::Again,
        }
    }
}

/// Whether the node should be going back. For whoever has the lock, so that the journal cannot
/// change any more.
pub fn is_due(journal: &Journal, boot: &BootId, now: Moment) -> bool {
    match case(journal, boot) {
        Some(Case::Overdue { until, .. }) => until <= now,
        Some(Case::Unfinished { .. }) => true,
        None => false,
    }
}

/// The moments of another boot mean nothing, and after one the kernel has nothing unconfirmed.
fn case(journal: &Journal, boot: &BootId) -> Option<Case> {
    if journal.boot != *boot {
        return None;
    }
    match &journal.state {
        State::Armed { change, term } | State::Verified { change, term } => Some(Case::Overdue {
            rollout: change.rollout,
            until: term.until(change.lease),
        }),
        State::Reverting {
            change, attempts, ..
        } => Some(Case::Unfinished {
            rollout: change.rollout,
            attempts: *attempts,
        }),
        State::Idle | State::Prepared { .. } | State::Reverted { .. } | State::Stuck { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_model::message::{Gates, Lease, Target};
    use weft_model::revision::Epoch;

    use super::*;
    use crate::session::journal::{Change, Fate, Term};

    const DEADLINE: Moment = Moment(30_000);

    fn boot() -> BootId {
        BootId("first".to_owned())
    }

    fn change() -> Change {
        let lease = Lease {
            contact: Span(30_000),
            cap: Span(600_000),
        };
        Change::new(RolloutId(7), Target::EMPTY, lease, Gates::default())
    }

    fn term() -> Term {
        Term {
            epoch: Epoch(1),
            armed: Moment(0),
            contact: Moment(0),
        }
    }

    fn journal(state: State) -> Journal {
        Journal {
            boot: boot(),
            state,
            ..Journal::default()
        }
    }

    fn verified() -> Journal {
        journal(State::Verified {
            change: change(),
            term: term(),
        })
    }

    fn reverting(attempts: u32) -> Journal {
        journal(State::Reverting {
            change: change(),
            fate: Fate::Unknown,
            faults: Vec::new(),
            attempts,
        })
    }

    /// What each of these looks says, one after the other from the deadline on.
    fn looks(journal: &Journal, holders: &[Option<u32>]) -> Vec<Next> {
        let mut watch = Watch::default();
        let at = |place: usize| DEADLINE.after(Span(LOOK.0 * place as u64));
        holders
            .iter()
            .enumerate()
            .map(|(place, holder)| watch.look(journal, &boot(), at(place), *holder))
            .collect()
    }

    #[test]
    fn an_agent_that_hangs_is_ended_after_three_looks_in_vain() {
        use Next::{Again, End};
        let armed = journal(State::Armed {
            change: change(),
            term: term(),
        });
        for journal in [verified(), armed] {
            let said = looks(&journal, &[Some(9); 4]);
            assert_eq!(said, [Again, Again, Again, End(9)]);
        }
    }

    #[test]
    fn where_no_agent_is_its_place_is_taken_after_three_looks() {
        use Next::{Again, TakeOver};
        let said = looks(&verified(), &[None; 4]);
        assert_eq!(said, [Again, Again, Again, TakeOver]);
    }

    #[test]
    fn an_agent_that_starts_after_the_deadline_has_its_time_and_one_that_starts_for_ever_has_not() {
        use Next::{Again, End};
        let said = looks(&verified(), &[None, None, Some(9), Some(9), Some(9)]);
        assert_eq!(said, [Again; 5]);
        let crashing: Vec<Option<u32>> = (1..=7).map(Some).collect();
        let said = looks(&verified(), &crashing);
        assert_eq!(said[..6], [Again; 6]);
        assert_eq!(said[6], End(7));
    }

    #[test]
    fn a_node_that_goes_back_is_left_to_its_agent_and_taken_over_when_there_is_none() {
        use Next::{Again, TakeOver};
        assert_eq!(looks(&reverting(0), &[Some(9); 100]), [Again; 100]);
        let holders = [None, Some(9), None, Some(10), None, None];
        let said = looks(&reverting(0), &holders);
        assert_eq!(said, [Again, Again, Again, Again, Again, TakeOver]);
    }

    #[test]
    fn an_agent_that_gets_on_is_counted_from_the_start_again() {
        let mut watch = Watch::default();
        for attempts in 0..4 {
            for _ in 0..3 {
                let next = watch.look(&reverting(attempts), &boot(), DEADLINE, None);
                assert_eq!(next, Next::Again, "{attempts}");
            }
        }
    }

    #[test]
    fn a_journal_of_another_boot_is_no_concern() {
        let other = Journal {
            boot: BootId("second".to_owned()),
            ..verified()
        };
        assert_eq!(looks(&other, &[None; 9]), [Next::Sleep; 9]);
        assert!(!is_due(&other, &boot(), Moment(u64::MAX)));
    }

    fn states() -> impl Strategy<Value = Journal> {
        let reverted = State::Reverted {
            change: change(),
            faults: Vec::new(),
        };
        let stuck = State::Stuck {
            change: change(),
            fate: Fate::Unknown,
            faults: Vec::new(),
        };
        let prepared = State::Prepared {
            change: change(),
            until: Moment(0),
        };
        prop_oneof![
            Just(verified()),
            Just(journal(State::Idle)),
            Just(journal(reverted)),
            Just(journal(stuck)),
            Just(journal(prepared)),
            (0..3_u32).prop_map(reverting),
        ]
    }

    proptest! {
        /// Whatever is seen, in any order and at any time.
        #[test]
        fn nobody_is_ended_or_replaced_before_the_deadline_or_for_a_settled_change(
            seen in proptest::collection::vec((states(), 0..60_000_u64, 0..3_u32), 1..60)
        ) {
            let mut watch = Watch::default();
            let mut late = 0;
            for (journal, now, holder) in seen {
                let holder = (holder > 0).then_some(holder);
                let next = watch.look(&journal, &boot(), Moment(now), holder);
                let due = is_due(&journal, &boot(), Moment(now));
                late = if due { late + 1 } else { 0 };
                match next {
                    Next::Sleep => prop_assert!(!due),
                    Next::Until(moment) => prop_assert!(!due && moment == DEADLINE),
                    Next::Again => prop_assert!(due),
                    Next::TakeOver => prop_assert!(late > PATIENCE && holder.is_none()),
                    Next::End(process) => {
                        prop_assert!(late > PATIENCE && holder == Some(process));
                        let is_overdue = matches!(journal.state, State::Verified { .. });
                        prop_assert!(is_overdue);
                    }
                }
            }
        }
    }
}
