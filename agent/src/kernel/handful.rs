//! How many changes the kernel is given at once: as many as it makes in a moment.
//!
//! It does not let go of them before it has made all, and what is asked meanwhile has to wait: it
//! may be the way back. How long a change takes is not to be known before: making a device takes
//! some microseconds, taking one down on a busy host some tens of milliseconds.

use std::time::Duration;

/// To begin with; slow ones are over within a second.
const FIRST: usize = 8;
/// More at once gain nothing; their answers fit the smallest usual buffer.
const MOST: usize = 32;
/// So soon over that twice as many are soon over as well.
const SHORT: Duration = Duration::from_millis(25);
/// So long that fewer are better.
const LONG: Duration = Duration::from_millis(100);

/// The size of the next handful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handful(usize);

impl Default for Handful {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Handful {
    pub(crate) fn size(self) -> usize {
        self.0
    }

    /// Notes how long the last one took.
    pub(crate) fn took(&mut self, time: Duration) {
        if time < SHORT {
            self.0 = (self.0 * 2).min(MOST);
        } else if time > LONG {
            self.0 = (self.0 / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_kernel_is_given_more_and_a_slow_one_less() {
        let mut handful = Handful::default();
        let mut sizes = |times: &[u64]| -> Vec<usize> {
            let took = |ms| {
                handful.took(Duration::from_millis(ms));
                handful.size()
            };
            times.iter().copied().map(took).collect()
        };
        assert_eq!(sizes(&[1, 1, 1, 1]), [16, 32, 32, 32]);
        assert_eq!(sizes(&[50, 101, 200]), [32, 16, 8]);
        assert_eq!(sizes(&[900, 900, 900, 900]), [4, 2, 1, 1]);
        assert_eq!(sizes(&[24]), [2]);
    }
}
