//! How routing goes on this node, watched beside the session.
//!
//! # Guarantees
//! * Where there is no routing daemon, a look is two `stat` calls, and nothing is ever told.
//! * Networks are counted more rarely than sessions are looked at: it costs zebra and the agent as
//!   much as there are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;
use weft_model::clock::Span;
use weft_node::routing::{COUNTS, Look, News, Watch};

use super::clock::{Clock, time_of_day};
use crate::frr::state;

/// How often it is looked at, as usual.
const EVERY: Span = Span::from_secs(5);

/// Where FRR is, and how often it is looked at. As usual there is none, and nothing is looked at.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The directory of the sockets of FRR's daemons.
    pub run: Option<PathBuf>,
    /// The time between two looks.
    pub every: Duration,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            run: None,
            every: EVERY.duration(),
        }
    }
}

/// The watching, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Watching(Option<(mpsc::Receiver<News>, AbortOnDropHandle<()>)>);

impl Watching {
    pub(super) fn start(sight: Sight, clock: Clock) -> Self {
        Self(sight.run.map(|run| {
            let (sender, receiver) = mpsc::channel(1);
            let watching = tokio::spawn(watch(run, sight.every, clock, sender));
            (receiver, AbortOnDropHandle::new(watching))
        }))
    }

    /// Waits for the next news. Cancel-safe.
    pub(super) async fn news(&mut self) -> News {
        if let Some((receiver, _)) = &mut self.0
            && let Some(news) = receiver.recv().await
        {
            return news;
        }
        // Nobody watches.
        self.0 = None;
        std::future::pending().await
    }
}

async fn watch(run: PathBuf, every: Duration, clock: Clock, news: mpsc::Sender<News>) {
    let mut watch = Watch::default();
    let mut counted: Option<Instant> = None;
    loop {
        if watch.has_seen() || state::is_there(&run) {
            let now = Instant::now();
            let counts = counted.is_none_or(|then| now - then >= COUNTS.duration());
            if counts {
                counted = Some(now);
            }
            let found = look(&run, &watch, counts).await;
            let found = watch.take(found, clock.now(), time_of_day());
            for event in &found.events {
                info!(
                    reason = event.kind.as_str(),
                    message = event.message,
                    "routing"
                );
            }
            if found != News::default() && news.send(found).await.is_err() {
                return;
            }
        }
        sleep(every).await;
    }
}

async fn look(run: &Path, watch: &Watch, counts: bool) -> Look {
    let mut look = Look {
        sessions: state::sessions(run).await,
        ways: state::open_ways(run).await,
        ..Look::default()
    };
    if counts {
        look.networks = state::counts(run).await;
    }
    if watch.has_lost(&look) {
        look.reasons = state::reasons(run).await;
    }
    look
}
