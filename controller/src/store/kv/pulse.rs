//! Whether the store answers at the moment, by how its calls go.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::KvError;

/// How the calls of the store go; every one of them is felt.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Beats>);

#[derive(Debug, Default)]
struct Beats {
    calls: u64,
    /// Since when calls wait for an answer.
    waiting: BTreeMap<u64, Instant>,
    /// When the first of the calls began that had no answer, since the last one that had.
    failing: Option<Instant>,
}

/// A caller that gave up before this was no sign of anything.
const PATIENCE: Duration = Duration::from_secs(1);

impl Pulse {
    /// Feels how a call goes.
    pub(super) async fn feel<T>(
        &self,
        call: impl Future<Output = Result<T, KvError>>,
    ) -> Result<T, KvError> {
        let beat = self.begin();
        let result = call.await;
        beat.end(!matches!(result, Err(KvError::Unavailable(_))));
        result
    }

    /// For how long the store has not answered what it was asked; zero while it answers. A refusal
    /// is an answer.
    pub fn silent_for(&self) -> Duration {
        let beats = self.lock();
        let waiting = beats.waiting.values().min().copied();
        let since = waiting.into_iter().chain(beats.failing).min();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begin(&self) -> Beat<'_> {
        let mut beats = self.lock();
        beats.calls += 1;
        let call = beats.calls;
        let begun = Instant::now();
        beats.waiting.insert(call, begun);
        Beat {
            pulse: self,
            call,
            begun,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Beats> {
        // No code that could stop half-way runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call.
struct Beat<'a> {
    pulse: &'a Pulse,
    call: u64,
    begun: Instant,
}

impl Beat<'_> {
    fn end(self, answered: bool) {
        let mut beats = self.pulse.lock();
        if answered {
            beats.failing = None;
            beats.waiting.remove(&self.call);
        } else {
            beats.failing.get_or_insert(self.begun);
        }
    }
}

impl Drop for Beat<'_> {
    /// Without an answer: it failed, or its caller gave up.
    fn drop(&mut self) {
        let mut beats = self.pulse.lock();
        if beats.waiting.remove(&self.call).is_some() && self.begun.elapsed() >= PATIENCE {
            beats.failing.get_or_insert(self.begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_first_call_without_an_answer() {
        let pulse = Pulse::default();
        let answer = async || {
            sleep(SECOND).await;
            Ok(())
        };
        pulse.feel(answer()).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(pulse.silent_for(), Duration::ZERO);

        let refuse = async || Err::<(), _>(KvError::Unavailable("connection refused".into()));
        pulse.feel(refuse()).await.unwrap_err();
        sleep(SECOND).await;
        pulse.feel(refuse()).await.unwrap_err();
        assert_eq!(pulse.silent_for(), SECOND);
        pulse.feel(answer()).await.unwrap();
        assert_eq!(pulse.silent_for(), Duration::ZERO);

        // A call that waits is silence, and stays it when its caller gives up.
        let hang = pulse.feel(std::future::pending::<Result<(), KvError>>());
        tokio::time::timeout(3 * SECOND, hang).await.unwrap_err();
        assert_eq!(pulse.silent_for(), 3 * SECOND);
    }
}
