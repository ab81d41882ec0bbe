//! The latest changes of the draft, for watchers to read at their own pace.
//!
//! # Guarantees
//! A cursor sees every change after the version that it starts from, in order, each once, or is told
//! that it came too late. One that is far behind sees of every object the newest change only: what
//! was replaced since is of no use to it. What a watcher costs is its cursor: the changes are kept
//! once, for all, and their number is bounded, so that a watcher that does not read slows nobody
//! down and holds no memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;

/// How many changes are kept: enough for a client to list 10,000 objects while others apply as
/// many, and small beside the objects themselves.
pub const KEPT: usize = 20_000;

/// A watcher that has more than so many changes to read is spared those that were replaced since.
pub const BEHIND: usize = 256;

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
    /// The number of the oldest change; numbers go up by one from change to change.
    first: u64,
    /// The number of the newest change of every object that has one here.
    newest: HashMap<ObjectKey, u64>,
    /// Every change after this version is in the ring.
    floor: Version,
    latest: Version,
    bound: usize,
}

/// How far a watcher has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the change that is next.
    next: u64,
    /// What the watcher had seen when it began: the draft shows a change before the feed does.
    from: Version,
    /// The version that a watcher may resume from that has read so far.
    pub resume: Version,
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
                first: 0,
                newest: HashMap::new(),
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
        for (key, object) in changes {
            let number = ring.end();
            ring.newest.insert(key.clone(), number);
            ring.changes.push_back(Change {
                version,
                resume: before,
                key,
                object,
            });
        }
        if let Some(last) = ring
            .changes
            .back_mut()
            .filter(|last| last.version == version)
        {
            last.resume = version;
        }
        ring.latest = version;
        while ring.changes.len() > ring.bound {
            ring.forget_oldest();
        }
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

    /// Where a watcher begins that has seen everything up to a version.
    ///
    /// # Errors
    /// When changes after it are no longer kept.
    pub fn after(&self, version: Version) -> Result<Cursor, TooOld> {
        let ring = self.lock();
        if version < ring.floor {
            return Err(TooOld {
                asked: version,
                oldest: ring.floor,
            });
        }
        let seen = |change: &Change| change.version <= version;
        let place = ring.changes.partition_point(seen);
        Ok(Cursor {
            next: ring.first + as_number(place),
            from: version,
            resume: version,
        })
    }

    /// The next change that is wanted, which the cursor moves behind; nothing when there is none
    /// yet.
    ///
    /// # Errors
    /// When changes that the cursor has not seen are no longer kept.
    pub fn next(
        &self,
        cursor: &mut Cursor,
        wanted: impl Fn(&ObjectKey) -> bool,
    ) -> Result<Option<Change>, TooOld> {
        let ring = self.lock();
        let place = cursor.next.checked_sub(ring.first);
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else {
            return Err(TooOld {
                asked: cursor.resume,
                oldest: ring.floor,
            });
        };
        let place = place.min(ring.changes.len());
        let is_behind = ring.changes.len() - place > BEHIND;
        for change in ring.changes.range(place..) {
            let number = cursor.next;
            cursor.next += 1;
            cursor.resume = change.resume.max(cursor.resume);
            let is_replaced = is_behind && ring.newest.get(&change.key) != Some(&number);
            let is_new = change.version > cursor.from;
            if is_new && wanted(&change.key) && !is_replaced {
                return Ok(Some(change.clone()));
            }
        }
        cursor.resume = ring.latest.max(cursor.resume);
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // No code that could stop half-way runs under the lock.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// The number that the next change gets.
    fn end(&self) -> u64 {
        self.first + as_number(self.changes.len())
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.changes.pop_front() else {
            return;
        };
        if self.newest.get(&oldest.key) == Some(&self.first) {
            self.newest.remove(&oldest.key);
        }
        self.floor = oldest.version;
        self.first += 1;
    }
}

fn as_number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
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

    fn read(feed: &Feed, cursor: &mut Cursor) -> Result<Vec<Change>, TooOld> {
        let mut read = Vec::new();
        while let Some(change) = feed.next(cursor, |_| true)? {
            read.push(change);
        }
        Ok(read)
    }

    fn after(feed: &Feed, version: u64) -> Result<Vec<Change>, TooOld> {
        read(feed, &mut feed.after(Version(version))?)
    }

    #[test]
    fn a_cursor_sees_every_change_after_it_once() {
        let feed = Feed::new(Version(10), 100);
        feed.publish(Version(11), [(key("aa"), None)]);
        feed.publish(Version(14), [(key("bb"), None)]);
        let (aa, bb) = (deleted(11, 11, "aa"), deleted(14, 14, "bb"));
        assert_eq!(after(&feed, 10), Ok(vec![aa, bb.clone()]));
        assert_eq!(after(&feed, 11), Ok(vec![bb]));
        assert_eq!(after(&feed, 14), Ok(vec![]));
        let mut cursor = feed.after(Version(10)).unwrap();
        let only = feed.next(&mut cursor, |key| key.name == "bb").unwrap();
        assert_eq!(only, Some(deleted(14, 14, "bb")));
        feed.publish(Version(15), []);
        assert_eq!(feed.next(&mut cursor, |_| true), Ok(None));
        assert_eq!(cursor.resume, Version(15));
    }

    #[test]
    fn resuming_in_the_middle_of_a_transaction_repeats_the_whole_of_it() {
        let feed = Feed::new(Version(10), 100);
        feed.publish(Version(12), [(key("aa"), None), (key("bb"), None)]);
        let (aa, bb) = (deleted(12, 10, "aa"), deleted(12, 12, "bb"));
        let mut cursor = feed.after(Version(10)).unwrap();
        assert_eq!(feed.next(&mut cursor, |_| true), Ok(Some(aa.clone())));
        assert_eq!(cursor.resume, Version(10));
        assert_eq!(after(&feed, 10), Ok(vec![aa, bb.clone()]));
        assert_eq!(read(&feed, &mut cursor), Ok(vec![bb]));
        assert_eq!(cursor.resume, Version(12));
    }

    #[test]
    fn a_cursor_that_fell_behind_is_told_so() {
        let feed = Feed::new(Version(1), 2);
        let mut slow = feed.after(Version(1)).unwrap();
        for version in 2..=5 {
            feed.publish(Version(version), [(key("aa"), None)]);
        }
        let too_old = |asked: u64| {
            Err(TooOld {
                asked: Version(asked),
                oldest: Version(3),
            })
        };
        assert_eq!(after(&feed, 2), too_old(2));
        assert_eq!(read(&feed, &mut slow), too_old(1));
        assert_eq!(after(&feed, 3).map(|read| read.len()), Ok(2));
    }

    #[test]
    fn a_cursor_that_is_far_behind_sees_the_newest_of_every_object_only() {
        let feed = Feed::new(Version(0), 10_000);
        let mut cursor = feed.after(Version(0)).unwrap();
        let names = ["aa", "bb", "cc"];
        let last = 2 * as_number(BEHIND);
        for version in 1..=last {
            let name = names[usize::try_from(version % 2).unwrap()];
            feed.publish(Version(version), [(key(name), None)]);
        }
        feed.publish(
            Version(last + 1),
            [(key("cc"), None), (key("aa"), None), (key("cc"), None)],
        );
        // The last few are read as by everyone who keeps up.
        let expected = vec![
            deleted(last - 1, last - 1, "bb"),
            deleted(last, last, "aa"),
            deleted(last + 1, last, "cc"),
            deleted(last + 1, last, "aa"),
            deleted(last + 1, last + 1, "cc"),
        ];
        assert_eq!(read(&feed, &mut cursor), Ok(expected));
    }
}
