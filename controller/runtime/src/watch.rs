//! Following something that changes elsewhere: list it, then watch it from there on.
//!
//! # Guarantees
//! A watch that breaks is opened again where it ended, without a list. A watch that cannot go on
//! from there, because what happened since is forgotten or a part of it is missing, leads to a new
//! list, never to a later start. Now and then what was followed is compared with a list, and if it
//! is another, a list takes its place.
//!
//! # Never
//! It never ends: whoever runs it drops it.

use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use crate::backoff::Backoff;

/// Something that can be listed, and watched from where the list ends.
pub trait Follow: Sync {
    /// A running watch.
    type Watch: Send;
    /// Why something could not be listed or watched.
    type Error: Error + Send + 'static;

    /// Lists, and takes the list in, whole.
    fn list(&self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Opens a watch from where that which was taken in ends.
    fn open(&self) -> impl Future<Output = Result<Self::Watch, Self::Error>> + Send;

    /// Waits for what happens next, and takes it in. Must be cancel-safe.
    fn take(&self, watch: &mut Self::Watch)
    -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether what was taken in is what a list of that moment says.
    fn verify(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Whether a watch that failed so cannot go on where it ended.
    fn must_list(error: &Self::Error) -> bool;

    /// Is told of what did not go as it should, and is made good next.
    fn stumbled(&self, how: Stumble);
}

/// What did not go as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stumble {
    /// A list could not be had, or a watch broke that can go on where it ended.
    Broke,
    /// A watch cannot go on where it ended: a list must.
    Missed,
    /// What was followed was found to be another than a list, which no watch had told.
    Differed,
}

/// How the following goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long to wait after the first of several failures.
    pub shortest: Duration,
    /// How long to wait after the last of many failures.
    pub longest: Duration,
    /// How often what was followed is compared with a list.
    pub verify: Duration,
}

/// Where the following stands.
enum Phase<Watch> {
    Listing,
    Opening,
    Watching(Watch),
}

/// Follows something, for ever. Where it was listed before, begins with the watch.
pub async fn follow<F: Follow>(followed: &F, listed: Listed, pace: Pace) {
    let mut backoff = Backoff::between(pace.shortest, pace.longest);
    let mut due = Instant::now() + pace.verify;
    let mut phase = match listed {
        Listed::Already => Phase::Opening,
        Listed::NotYet => Phase::Listing,
    };
    loop {
        let done = match phase {
            Phase::Listing => followed.list().await.map(|()| Phase::Opening),
            Phase::Opening => followed.open().await.map(Phase::Watching),
            Phase::Watching(watch) => {
                let watched = turn(followed, watch, &mut due, pace.verify).await;
                if watched.is_ok() {
                    backoff.reset();
                }
                watched
            }
        };
        phase = match done {
            Ok(next) => next,
            Err(error) => {
                let listing = F::must_list(&error);
                warn!(error = &error as &dyn Error, listing, "following failed");
                followed.stumbled(if listing {
                    Stumble::Missed
                } else {
                    Stumble::Broke
                });
                sleep(backoff.delay()).await;
                if listing {
                    Phase::Listing
                } else {
                    Phase::Opening
                }
            }
        };
    }
}

/// Whether the first list was made before the following began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It was, and was taken in.
    Already,
    /// It was not.
    NotYet,
}

/// Takes in one thing, or verifies when that is due.
async fn turn<F: Follow>(
    followed: &F,
    mut watch: F::Watch,
    due: &mut Instant,
    every: Duration,
) -> Result<Phase<F::Watch>, F::Error> {
    // Both arms are cancel-safe: the one is so by its contract, the other is a point in time.
    let taken = tokio::select! {
        biased;
        () = sleep_until(*due) => None,
        taken = followed.take(&mut watch) => Some(taken),
    };
    match taken {
        Some(taken) => taken.map(|()| Phase::Watching(watch)),
        None => {
            *due = Instant::now() + every;
            if followed.verify().await? {
                Ok(Phase::Watching(watch))
            } else {
                warn!("what was followed is not what is there: listing again");
                followed.stumbled(Stumble::Differed);
                Ok(Phase::Listing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("broken")]
        Broken,
        #[error("forgotten")]
        Forgotten,
    }

    /// Answers as it is told, and writes down what it is asked.
    #[derive(Default)]
    struct Script {
        takes: Mutex<VecDeque<Result<(), Failure>>>,
        verifies: Mutex<VecDeque<bool>>,
        asked: Mutex<Vec<&'static str>>,
    }

    impl Script {
        fn note(&self, what: &'static str) {
            self.asked.lock().unwrap().push(what);
        }
    }

    impl Follow for Script {
        type Watch = ();
        type Error = Failure;

        async fn list(&self) -> Result<(), Failure> {
            self.note("list");
            Ok(())
        }

        async fn open(&self) -> Result<(), Failure> {
            self.note("open");
            Ok(())
        }

        async fn take(&self, (): &mut ()) -> Result<(), Failure> {
            let next = self.takes.lock().unwrap().pop_front();
            match next {
                Some(taken) => {
                    self.note("take");
                    taken
                }
                None => std::future::pending().await,
            }
        }

        async fn verify(&self) -> Result<bool, Failure> {
            self.note("verify");
            Ok(self.verifies.lock().unwrap().pop_front().unwrap_or(true))
        }

        fn must_list(error: &Failure) -> bool {
            matches!(error, Failure::Forgotten)
        }

        fn stumbled(&self, how: Stumble) {
            self.note(match how {
                Stumble::Broke => "broke",
                Stumble::Missed => "missed",
                Stumble::Differed => "differed",
            });
        }
    }

    async fn run(script: Script, listed: Listed, time: Duration) -> Vec<&'static str> {
        let pace = Pace {
            shortest: Duration::from_millis(10),
            longest: Duration::from_secs(1),
            verify: Duration::from_secs(600),
        };
        let ended = tokio::time::timeout(time, follow(&script, listed, pace)).await;
        assert!(ended.is_err());
        script.asked.into_inner().unwrap()
    }

    fn taking(takes: impl IntoIterator<Item = Result<(), Failure>>) -> Script {
        Script {
            takes: Mutex::new(takes.into_iter().collect()),
            ..Script::default()
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_lists_once_and_then_watches() {
        let asked = run(taking([Ok(()), Ok(())]), Listed::NotYet, MINUTE).await;
        assert_eq!(asked, ["list", "open", "take", "take"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_watch_is_opened_again_without_a_list() {
        let script = taking([Ok(()), Err(Failure::Broken), Ok(())]);
        let asked = run(script, Listed::Already, MINUTE).await;
        assert_eq!(asked, ["open", "take", "take", "broke", "open", "take"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_listed_again() {
        let script = taking([Err(Failure::Forgotten), Ok(())]);
        let asked = run(script, Listed::Already, MINUTE).await;
        assert_eq!(asked, ["open", "take", "missed", "list", "open", "take"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_compared_now_and_then_and_listed_again_if_it_differs() {
        let script = Script {
            verifies: Mutex::new([true, false, true].into()),
            ..Script::default()
        };
        let asked = run(script, Listed::Already, 31 * MINUTE).await;
        assert_eq!(
            asked,
            [
                "open", "verify", "verify", "differed", "list", "open", "verify"
            ]
        );
    }
}
