//! What the shell must do, in this order and each before the next.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Fence, Gates, Target};
use weft_model::revision::RolloutId;

use super::journal::Journal;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Write the journal to disk and wait until it is there. Always first.
    Persist(Box<Journal>),
    /// Fetch the plan, check it against the live node, see which gates the node passes now, write
    /// the plan to disk; change nothing. Takes the place of a stage that still runs. Ends with
    /// [`Staged`](super::event::Event::Staged).
    Stage {
        /// The rollout that it is for.
        rollout: RolloutId,
        /// The plan.
        to: Target,
        /// What is asked of the node; what it does not have is a reason not to stage.
        gates: Gates,
    },
    /// Make the staged plan true, look again, and see whether the node passes its gates. Ends with
    /// [`Applied`](super::event::Event::Applied).
    Apply {
        /// The rollout that it is for.
        rollout: RolloutId,
        /// The plan.
        to: Target,
        /// What the node could show before.
        gates: Gates,
    },
    /// See whether the node passes its gates. Ends with
    /// [`Checked`](super::event::Event::Checked).
    Check {
        /// The rollout that it is for.
        rollout: RolloutId,
        /// What the node could show before.
        gates: Gates,
    },
    /// Stop an apply or a check that runs, then make the confirmed plan true. Ends with
    /// [`Reverted`](super::event::Event::Reverted).
    Revert {
        /// The confirmed plan.
        to: Target,
    },
    /// Answer over the present stream; drop the answer if there is none.
    Send(Fence, Answer),
    /// Open a new connection and answer over that: the old one may have outlived the road that a
    /// new one needs.
    SendAfresh(Fence, Answer),
    /// Send [`Timer`](super::event::Event::Timer) at this moment, and at no earlier one asked for.
    Wake(Moment),
    /// No timer is wanted any more.
    Sleep,
    /// This plan is not needed any more; other plans with the same digest are the same plan.
    Forget(Target),
    /// Destroy, in the background, what is ours and set aside because no plan wants it.
    Collect,
}
