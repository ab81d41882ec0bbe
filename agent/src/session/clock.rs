//! The clock that counts from the boot of the host, and the boot that it counts from.
//!
//! It goes on while the host is suspended, which the timers of the runtime do not; so no timer is
//! believed for longer than [`LOOK_AGAIN`].

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use weft_model::clock::Moment;
use weft_model::revision::Timestamp;
use weft_node::session::journal::BootId;

/// How late a deadline may be noticed after the host was suspended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A clock that counts from the boot of the host; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// A clock that says this.
    pub fn new(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        (self.0)()
    }

    /// Returns when the moment has come; never, when there is none. Cancel-safe.
    pub(crate) async fn sleep_until(&self, moment: Option<Moment>) {
        let Some(moment) = moment else {
            return std::future::pending().await;
        };
        loop {
            let left = self.now().until(moment).duration();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(since_boot)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// How long ago the host was booted.
pub fn since_boot() -> Moment {
    let Ok(time) = clock_gettime(ClockId::CLOCK_BOOTTIME) else {
        unreachable!("every kernel since 2.6.39 has this clock");
    };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec()).unwrap_or_default();
    Moment(seconds * 1_000 + nanoseconds / 1_000_000)
}

/// The time of day, for people.
pub(super) fn time_of_day() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let milliseconds = since.unwrap_or_default().as_millis();
    Timestamp(u64::try_from(milliseconds).unwrap_or_default())
}

/// The boot of the host, as the kernel names it in this file.
///
/// # Errors
/// When the file cannot be read.
pub fn boot_id(path: &Path) -> io::Result<BootId> {
    Ok(BootId(std::fs::read_to_string(path)?.trim().to_owned()))
}
