//! How long to wait before trying again: longer after each failure, and not all at the same moment.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Delays between tries that never give up.
#[derive(Debug)]
pub struct Backoff {
    curve: ExponentialBuilder,
    longest: Duration,
    delays: ExponentialBackoff,
}

impl Backoff {
    /// Delays that start at `shortest`, double, and stay at about `longest`; each is up to as long
    /// again by chance, so that many who failed together do not come back together.
    pub fn between(shortest: Duration, longest: Duration) -> Self {
        let curve = ExponentialBuilder::default()
            .with_min_delay(shortest)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times();
        Self {
            delays: curve.build(),
            curve,
            longest,
        }
    }

    /// How long to wait now.
    pub fn delay(&mut self) -> Duration {
        self.delays.next().unwrap_or(self.longest)
    }

    /// Starts again at the shortest delay: something succeeded.
    pub fn reset(&mut self) {
        self.delays = self.curve.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_start_again_after_a_success() {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::between(shortest, longest);
        let delays: Vec<Duration> = (0..50).map(|_| backoff.delay()).collect();
        assert!(delays[0] >= shortest && delays[0] <= 2 * shortest);
        assert!(delays[5..].iter().all(|delay| *delay >= longest));
        assert!(delays.iter().all(|delay| *delay <= 2 * longest));
        backoff.reset();
        assert!(backoff.delay() <= 2 * shortest);
    }
}
