//! How often a device is put right before the other side is left to win.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// How many repairs of one device are made within [`WINDOW`].
pub(super) const REPAIRS: usize = 10;
/// The time over which repairs are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Counts the repairs of each device.
#[derive(Debug, Default)]
pub(super) struct Pace {
    repairs: BTreeMap<String, VecDeque<Instant>>,
}

impl Pace {
    /// Whether the device may be repaired now; else when it may.
    pub(super) fn allows(&mut self, device: &str, now: Instant) -> Result<(), Instant> {
        let Some(repairs) = self.repairs.get_mut(device) else {
            return Ok(());
        };
        while repairs.front().is_some_and(|at| *at + WINDOW <= now) {
            repairs.pop_front();
        }
        match repairs.front() {
            Some(first) if repairs.len() >= REPAIRS => Err(*first + WINDOW),
            Some(_) => Ok(()),
            None => {
                self.repairs.remove(device);
                Ok(())
            }
        }
    }

    /// Notes a repair.
    pub(super) fn note(&mut self, device: &str, now: Instant) {
        self.repairs
            .entry(device.to_owned())
            .or_default()
            .push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_repaired_a_few_times_and_then_left_until_the_first_repair_is_old() {
        let mut pace = Pace::default();
        let start = Instant::now();
        for _ in 0..REPAIRS {
            assert_eq!(pace.allows("web", start), Ok(()));
            pace.note("web", start);
        }
        assert_eq!(pace.allows("web", start), Err(start + WINDOW));
        assert_eq!(pace.allows("db", start), Ok(()));
        assert_eq!(pace.allows("web", start + WINDOW), Ok(()));
    }
}
