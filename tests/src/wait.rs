//! Waiting for something to become true, and no longer.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Short beside anything that is waited for, long beside a system call.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How many times longer everything may take on the emulated kernel of the lab, where all tests
/// share what little there is.
const IN_THE_LAB: u32 = 5;

/// Looks again and again until there is something to see; returns it, and how long it took.
///
/// On the emulated kernel of the lab `limit` is stretched.
///
/// # Errors
/// When nothing is seen within `limit`; the error says what was waited for and what the last look
/// was like.
pub fn until<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, E>,
) -> Result<(T, Duration)> {
    let limit = limit * patience();
    let start = Instant::now();
    loop {
        let last = match look() {
            Ok(seen) => return Ok((seen, start.elapsed())),
            Err(error) => error,
        };
        if start.elapsed() >= limit {
            bail!("waited {limit:?} for {what}; at last: {last:?}");
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// How many times longer than on a machine everything may take here.
pub fn patience() -> u32 {
    match std::env::var_os("WEFT_LAB_BOOT") {
        Some(_) => IN_THE_LAB,
        None => 1,
    }
}
