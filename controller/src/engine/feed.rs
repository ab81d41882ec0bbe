//! The latest changes of the draft, for watchers to read at their own pace.
//!
//! # Guarantees
//! A cursor sees every change after the version that it starts from, in order, each once, or is told
//! that it came too late. What a watcher costs is its cursor: the changes are kept once, for all,
//! and their number is bounded, so that a watcher that does not read slows nobody down and holds
//! no memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;

/// How many changes are kept: enough for a client to list 10,000 objects while others apply as
/// many, and small beside the objects themselves.
pub const KEPT: usize = 20_000;

/// One object that was made, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The version of the store with this change.
    pub version: Version,
    /// The version that a watcher may resume from once it has seen this change: the change's own
    /// for the last change of a transaction, else the one before the transaction.
    pub resume: Version,
    /// The object's key.
    pub key: ObjectKey,
    /// The object as it is now; nothing when it was deleted.
    pub object: Option<Arc<Stored>>,
}

/// The latest changes.
#[derive(Debug)]
pub struct Feed {
    ring: Mutex<Ring>,
    latest: watch::Sender<Version>,
}

#[derive(Debug)]
struct Ring {
    changes: VecDeque<Change>,
    /// Every change after this version is in the ring.
    floor: Version,
    latest: Version,
    bound: usize,
}

/// A watcher's cursor is before the oldest change that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes after version {asked} are no longer kept, only those after {oldest}")]
pub struct TooOld {
    /// The version to start after.
    pub asked: Version,
    /// The oldest version that could be asked for.
    pub oldest: Version,
}

impl Feed {
    /// A feed that keeps up to `bound` changes after `version`.
    pub fn new(version: Version, bound: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                changes: VecDeque::new(),
                floor: version,
                latest: version,
                bound,
            }),
            latest: watch::Sender::new(version),
        }
    }

    /// Adds the changes of one transaction, and lets watchers know.
    pub fn publish(
        &self,
        version: Version,
        changes: impl IntoIterator<Item = (ObjectKey, Option<Arc<Stored>>)>,
    ) {
        let mut ring = self.lock();
        if version <= ring.latest {
            return;
        }
        let before = ring.latest;
        ring.changes
            .extend(changes.into_iter().map(|(key, object)| Change {
                version,
                resume: before,
                key,
                object,
            }));
        if let Some(last) = ring
            .changes
            .back_mut()
            .filter(|last| last.version == version)
        {
            last.resume = version;
        }
        ring.latest = version;
        while ring.changes.len() > ring.bound {
            if let Some(oldest) = ring.changes.pop_front() {
                ring.floor = oldest.version;
            }
        }
        drop(ring);
        self.latest.send_replace(version);
    }

    /// Forgets everything before `version`, because changes up to it may have been missed.
    pub fn restart(&self, version: Version) {
        let mut ring = self.lock();
        ring.changes.clear();
        ring.floor = version;
        ring.latest = version;
        drop(ring);
        self.latest.send_replace(version);
    }

    /// Tells, by the newest version, that there is something to read.
    pub fn subscribe(&self) -> watch::Receiver<Version> {
        self.latest.subscribe()
    }

    /// The newest version.
    pub fn latest(&self) -> Version {
        self.lock().latest
    }

    /// Up to about `limit` changes after `cursor`, whole transactions only, and the version that
    /// nothing is missing up to.
    ///
    /// # Errors
    /// When changes after `cursor` are no longer kept.
    pub fn read(&self, cursor: Version, limit: usize) -> Result<(Vec<Change>, Version), TooOld> {
        let ring = self.lock();
        if cursor < ring.floor {
            return Err(TooOld {
                asked: cursor,
                oldest: ring.floor,
            });
        }
        let start = ring
            .changes
            .partition_point(|change| change.version <= cursor);
        let mut read: Vec<Change> = Vec::new();
        for change in ring.changes.range(start..) {
            if read.len() >= limit && read.last().is_some_and(|l| l.version != change.version) {
                let reached = read.last().map_or(cursor, |last| last.version);
                return Ok((read, reached));
            }
            read.push(change.clone());
        }
        Ok((read, ring.latest.max(cursor)))
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // No code that could stop half-way runs under the lock.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use weft_model::object::Kind;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(Kind::Vnet, name)
    }

    fn deleted(version: u64, resume: u64, name: &str) -> Change {
        Change {
            version: Version(version),
            resume: Version(resume),
            key: key(name),
            object: None,
        }
    }

    #[test]
    fn a_cursor_sees_every_change_after_it_once() {
        let feed = Feed::new(Version(10), 100);
        feed.publish(Version(11), [(key("aa"), None)]);
        feed.publish(Version(14), [(key("bb"), None)]);
        assert_eq!(
            feed.read(Version(10), 100),
            Ok((
                vec![deleted(11, 11, "aa"), deleted(14, 14, "bb")],
                Version(14)
            ))
        );
        assert_eq!(
            feed.read(Version(11), 100),
            Ok((vec![deleted(14, 14, "bb")], Version(14)))
        );
        assert_eq!(feed.read(Version(14), 100), Ok((vec![], Version(14))));
    }

    #[test]
    fn resuming_in_the_middle_of_a_transaction_repeats_the_whole_of_it() {
        let feed = Feed::new(Version(10), 100);
        feed.publish(Version(12), [(key("aa"), None), (key("bb"), None)]);
        assert_eq!(
            feed.read(Version(10), 1),
            Ok((
                vec![deleted(12, 10, "aa"), deleted(12, 12, "bb")],
                Version(12)
            ))
        );
    }

    #[test]
    fn a_cursor_that_fell_behind_is_told_so() {
        let feed = Feed::new(Version(1), 2);
        for version in 2..=5 {
            feed.publish(Version(version), [(key("aa"), None)]);
        }
        assert_eq!(
            feed.read(Version(2), 10),
            Err(TooOld {
                asked: Version(2),
                oldest: Version(3)
            })
        );
        assert!(feed.read(Version(3), 10).is_ok());
        feed.restart(Version(9));
        assert!(feed.read(Version(5), 10).is_err());
    }
}
