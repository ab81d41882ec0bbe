//! The stream of changes of the draft that one client sees.
//!
//! # Guarantees
//! Nothing is lost and nothing is out of order from the version that the client starts from; one
//! that is far behind sees of every object the newest change only. A client that does not read
//! costs a cursor, and while objects are listed the draft of that moment, which all share; nothing
//! is put together for it before it makes room. When it falls behind what is kept it is told to
//! list again.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::Status;
use weft_model::object::{Kind, ObjectKey, Stored};
use weft_model::revision::Version;
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use crate::engine::draft::Draft;
use crate::engine::feed::{Change, Cursor, Feed};

/// How often a client learns that it has missed nothing: often enough that its version stays
/// among those that can be resumed from.
const BOOKMARK: Duration = Duration::from_secs(10);

struct Watcher {
    desk: Desk,
    feed: Arc<Feed>,
    kind: Option<Kind>,
    cursor: Cursor,
    latest: watch::Receiver<Version>,
    listing: Option<Listing>,
    bookmark: Interval,
    ended: bool,
}

/// Objects that are still to be sent as they were when the watch began.
struct Listing {
    draft: Draft,
    /// The last that was sent.
    last: Option<ObjectKey>,
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
    let listing = (from == Version(0)).then(|| Listing {
        draft: desk.mirror.now(),
        last: None,
    });
    let from = listing.as_ref().map_or(from, |it| it.draft.version());
    let watcher = Watcher {
        kind,
        cursor: feed.after(from).map_err(answer::too_old)?,
        latest,
        listing,
        bookmark,
        ended: false,
        feed,
        desk: desk.clone(),
    };
    Ok(futures::stream::unfold(watcher, |mut watcher| async move {
        let item = watcher.next().await?;
        Some((item, watcher))
    }))
}

impl Listing {
    fn next(&mut self, kind: Option<Kind>) -> Option<Arc<Stored>> {
        loop {
            let (key, stored) = self.draft.stored().after(self.last.as_ref())?;
            self.last = Some(key.clone());
            if kind.is_none_or(|only| only == key.kind) {
                return Some(Arc::clone(stored));
            }
        }
    }
}

impl Watcher {
    /// What is there, then what changed, as far as it is known now.
    fn ready(&mut self) -> Result<Option<v1::WatchEvent>, Status> {
        let kind = self.kind;
        if let Some(listing) = &mut self.listing {
            if let Some(stored) = listing.next(kind) {
                return Ok(Some(self.present(&stored)));
            }
            self.listing = None;
            return Ok(Some(self.at_bookmark()));
        }
        let wanted = |key: &ObjectKey| kind.is_none_or(|only| only == key.kind);
        let change = self.feed.next(&mut self.cursor, wanted);
        let change = change.map_err(answer::too_slow)?;
        Ok(change.map(|change| self.event(&change)))
    }

    /// Resuming in the middle of the listing starts the listing again, so its events carry no
    /// version; a bookmark ends it.
    fn present(&self, stored: &Stored) -> v1::WatchEvent {
        v1::WatchEvent {
            event: Some(v1::watch_event::Event::Put(self.dressed(stored))),
            version: 0,
        }
    }

    fn event(&self, change: &Change) -> v1::WatchEvent {
        let event = match &change.object {
            Some(stored) => v1::watch_event::Event::Put(self.dressed(stored)),
            None => v1::watch_event::Event::Delete((&change.key).into()),
        };
        v1::WatchEvent {
            event: Some(event),
            version: change.resume.0,
        }
    }

    fn dressed(&self, stored: &Stored) -> v1::Object {
        self.desk.statuses(&self.desk.mirror.now()).dressed(stored)
    }

    fn at_bookmark(&self) -> v1::WatchEvent {
        v1::WatchEvent {
            event: Some(v1::watch_event::Event::Bookmark(v1::Bookmark {})),
            version: self.cursor.resume.0,
        }
    }

    /// Cancel-safe: what was read is returned before anything is waited for again.
    async fn next(&mut self) -> Option<Result<v1::WatchEvent, Status>> {
        loop {
            if self.ended {
                return None;
            }
            self.latest.mark_unchanged();
            match self.ready() {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(status) => {
                    self.ended = true;
                    return Some(Err(status));
                }
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
                _ = self.bookmark.tick() => return Some(Ok(self.at_bookmark())),
            }
        }
    }
}
