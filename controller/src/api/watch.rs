//! The stream of changes of the draft that one client sees.
//!
//! # Guarantees
//! Nothing is lost and nothing is out of order from the version that the client starts from. A
//! client that does not read costs a cursor; when it falls behind what is kept it is told to list
//! again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::Status;
use weft_model::object::{Kind, Stored};
use weft_model::revision::Version;
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use crate::engine::feed::{Change, Feed, TooOld};
use crate::status::Statuses;

/// How often a client learns that it has missed nothing: often enough that its version stays
/// among those that can be resumed from.
const BOOKMARK: Duration = Duration::from_secs(10);

/// How many changes are read at once: bounds what one client makes the server hold.
const BATCH: usize = 64;

struct Watcher {
    desk: Desk,
    feed: Arc<Feed>,
    kind: Option<Kind>,
    cursor: Version,
    latest: watch::Receiver<Version>,
    /// Objects still to be sent as they were when the watch began.
    present: VecDeque<Arc<Stored>>,
    /// How things stand with those.
    statuses: Option<Statuses>,
    ready: VecDeque<v1::WatchEvent>,
    bookmark: Interval,
    ended: bool,
}

/// The changes after `from`, or, when it is zero, the present objects and then the changes.
///
/// # Errors
/// When the changes after `from` are no longer kept.
pub(super) fn watch_from(
    desk: &Desk,
    kind: Option<Kind>,
    from: Version,
) -> Result<impl Stream<Item = Result<v1::WatchEvent, Status>> + Send + 'static, Status> {
    let feed = desk.mirror.feed();
    let latest = feed.subscribe();
    let mut bookmark = tokio::time::interval_at(Instant::now() + BOOKMARK, BOOKMARK);
    bookmark.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watcher = Watcher {
        kind,
        cursor: from,
        latest,
        present: VecDeque::new(),
        statuses: None,
        ready: VecDeque::new(),
        bookmark,
        ended: false,
        feed,
        desk: desk.clone(),
    };
    if from == Version(0) {
        watcher.start_with_present();
    } else {
        watcher.fill().map_err(answer::too_old)?;
    }
    Ok(futures::stream::unfold(watcher, |mut watcher| async move {
        let item = watcher.next().await?;
        Some((item, watcher))
    }))
}

impl Watcher {
    fn start_with_present(&mut self) {
        let draft = self.desk.mirror.now();
        self.cursor = draft.version();
        let kind = self.kind;
        self.present = draft
            .stored()
            .values()
            .filter(|stored| kind.is_none_or(|only| only == stored.object.kind()))
            .map(Arc::clone)
            .collect();
        if self.present.is_empty() {
            self.ready.push_back(self.at_bookmark());
        }
        self.statuses = Some(self.desk.statuses(&draft));
    }

    /// Resuming in the middle of the listing starts the listing again, so its events carry no
    /// version; a bookmark ends it.
    fn next_present(&mut self) -> Option<v1::WatchEvent> {
        let stored = self.present.pop_front()?;
        let object = match &self.statuses {
            Some(statuses) => statuses.dressed(&stored),
            None => v1::Object::from(&*stored),
        };
        if self.present.is_empty() {
            self.statuses = None;
            self.ready.push_back(self.at_bookmark());
        }
        Some(v1::WatchEvent {
            event: Some(v1::watch_event::Event::Put(object)),
            version: 0,
        })
    }

    fn at_bookmark(&self) -> v1::WatchEvent {
        v1::WatchEvent {
            event: Some(v1::watch_event::Event::Bookmark(v1::Bookmark {})),
            version: self.cursor.0,
        }
    }

    fn fill(&mut self) -> Result<(), TooOld> {
        let (changes, reached) = self.feed.read(self.cursor, BATCH)?;
        self.cursor = reached;
        let wanted = |change: &&Change| self.kind.is_none_or(|only| only == change.key.kind);
        if changes.iter().any(|change| wanted(&change)) {
            let statuses = self.desk.statuses(&self.desk.mirror.now());
            let events = changes.iter().filter(wanted);
            let events: Vec<_> = events.map(|change| event(change, &statuses)).collect();
            self.ready.extend(events);
        }
        Ok(())
    }

    /// Cancel-safe: what is read goes to `ready` before anything is waited for again.
    async fn next(&mut self) -> Option<Result<v1::WatchEvent, Status>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(event) = self.next_present().or_else(|| self.ready.pop_front()) {
                return Some(Ok(event));
            }
            self.latest.mark_unchanged();
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err(answer::too_slow(error)));
            }
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                () = self.desk.stop.cancelled() => {
                    self.ended = true;
                    return Some(Err(Status::unavailable("the controller stops: watch again")));
                }
                changed = self.latest.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                _ = self.bookmark.tick() => {
                    let event = self.at_bookmark();
                    self.ready.push_back(event);
                }
            }
        }
    }
}

fn event(change: &Change, statuses: &Statuses) -> v1::WatchEvent {
    let event = match &change.object {
        Some(stored) => v1::watch_event::Event::Put(statuses.dressed(stored)),
        None => v1::watch_event::Event::Delete((&change.key).into()),
    };
    v1::WatchEvent {
        event: Some(event),
        version: change.resume.0,
    }
}
