//! Changes to ports of Open vSwitch: many at once, and waited for.
//!
//! The kernel chooses the number of a device that a switch makes; steps that were planned for
//! another are made with that.

use nix::libc;
use weft_node::driver::Failure;
use weft_node::step::{Change, Step};

use super::{Kernel, chain};
use crate::ovs::Error;

/// How many ports are changed in one transaction: few enough that the way back may begin soon.
const MOST: usize = 128;

impl Kernel {
    /// The number that a device has, where that is not the one that it was to get.
    pub(super) fn number(&self, index: u32) -> u32 {
        self.numbers.get(&index).copied().unwrap_or(index)
    }

    /// Hands over what has gathered for Open vSwitch. Nothing is handed over after a failure.
    pub(super) async fn plug(
        &mut self,
        steps: &[Step],
        places: &mut Vec<usize>,
        failures: &mut Vec<Failure>,
    ) {
        while !places.is_empty() && failures.is_empty() {
            let rest = places.split_off(places.len().min(MOST));
            let places = std::mem::replace(places, rest);
            self.plug_some(steps, &places, failures).await;
        }
        places.clear();
    }

    async fn plug_some(&mut self, steps: &[Step], places: &[usize], failures: &mut Vec<Failure>) {
        let made = places.iter().filter_map(|place| match steps.get(*place) {
            Some(Step::Link {
                index,
                name,
                change,
                ..
            }) => Some((*place, *index, name.as_str(), change)),
            Some(_) | None => None,
        });
        let made: Vec<_> = made.collect();
        let changes: Vec<(&str, &Change)> = made.iter().map(|it| (it.2, it.3)).collect();
        // What has no device any more is not waited for: its switch may be gone for good.
        let is_waited = |(_, index, _, change): &(usize, u32, &str, &Change)| {
            !matches!(change, Change::Unplug) || self.mirror.seen.link(*index).is_some()
        };
        let must_be_taken = made.iter().any(is_waited);
        self.counters.changes += 1;
        let changed = self.openvswitch.change(&changes, must_be_taken).await;
        let news = self.openvswitch.look().await;
        self.mirror.take_news(news);
        if let Err(error) = self.drain() {
            failures.push(failure(places, None, chain(&error)));
            return;
        }
        if let Err(error) = changed {
            let errno = match &error {
                // It is soon there again when it was only restarted.
                Error::Reach { .. } => Some(libc::EAGAIN),
                Error::Silent | Error::Refused(_) | Error::NotTaken { .. } => None,
            };
            failures.push(failure(places, errno, chain(&error)));
            return;
        }
        for (place, index, name, change) in made {
            if !matches!(change, Change::Plug(_)) {
                continue;
            }
            match self.mirror.seen.named(name) {
                Some(link) => drop(self.numbers.insert(index, link.index)),
                None => {
                    let cause = self.openvswitch.error_of(name);
                    let cause = cause.unwrap_or("ovs-vswitchd made no device, see its log");
                    failures.push(failure(&[place], None, cause.to_owned()));
                }
            }
        }
    }
}

fn failure(places: &[usize], errno: Option<i32>, cause: String) -> Failure {
    Failure {
        step: places.first().copied().unwrap_or_default(),
        errno,
        cause,
    }
}

/// Whether Open vSwitch makes the change.
pub(super) fn is_of_switch(step: &Step) -> bool {
    matches!(
        step,
        Step::Link {
            change: Change::Plug(_) | Change::Retag(_) | Change::Unplug,
            ..
        }
    )
}
