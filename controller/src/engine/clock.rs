//! The two clocks: one that only counts, for decisions; one that people read.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use weft_model::clock::Moment;
use weft_model::revision::Timestamp;

/// A clock that counts from when it was made and never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How far it is.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// What the wall clock shows; no decision depends on it.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
