//! Every change of the draft after a version, in order, each batch whole.
//!
//! # Guarantees
//! A watch returns every change after its version once, or fails: it keeps the history of every key
//! and takes a hole in one for an error. It never goes on from a compacted version.

use std::collections::{BTreeMap, VecDeque};

use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::kv::entry::{Event, Want};
use super::kv::watch::KvWatch;
use super::record;

/// What happened to the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEvent {
    /// The version of the draft with these changes: resume from here.
    pub version: Version,
    /// The changes of one batch; empty for a bookmark, which says that nothing up to `version` is
    /// missing.
    pub changes: Vec<DraftChange>,
}

/// What happened to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "what is put is the rule, and few changes are held at once"
)]
pub enum DraftChange {
    /// It was made or changed.
    Put(Stored),
    /// It was deleted.
    Delete(ObjectKey),
}

/// A running watch of the draft. It ends with its first error: open another from
/// [`DraftWatch::version`], or list again when [`StoreError::must_relist`] says so.
pub struct DraftWatch {
    store: Store,
    watch: KvWatch,
    version: Version,
    /// Where each key stands.
    histories: BTreeMap<String, History>,
    /// What arrived and is not returned yet: the events of one revision each, or none.
    inbox: VecDeque<(u64, Vec<Event>)>,
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct History {
    created: u64,
    modified: u64,
    version: u64,
}

const ATTEMPT: &str = "watch the draft";

impl Store {
    /// Watches the draft from after `version`.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when the store does not remember that version: list again.
    pub async fn watch_draft(&self, version: Version) -> Result<DraftWatch, StoreError> {
        let at = Some(version.0);
        // Version zero is before everything, which no store remembers.
        if version.0 == 0 {
            return Err(StoreError::Compacted { attempt: ATTEMPT });
        }
        let page = self.kv().all(keys::DRAFT, Want::Keys, at).await;
        let page = page.map_err(|error| error.during(ATTEMPT))?;
        let watch = self.kv().watch(keys::DRAFT, version.0 + 1).await;
        let histories = page.entries.into_iter().map(|entry| {
            let history = History {
                created: entry.created,
                modified: entry.modified,
                version: entry.version,
            };
            (entry.key, history)
        });
        Ok(DraftWatch {
            store: self.clone(),
            watch: watch.map_err(|error| error.during(ATTEMPT))?,
            version,
            histories: histories.collect(),
            inbox: VecDeque::new(),
        })
    }
}

impl DraftWatch {
    /// The version up to which everything was returned.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The next change or bookmark. Cancel-safe: what arrived waits in the inbox until it is
    /// returned.
    ///
    /// # Errors
    /// When the stream broke, or something is missing from it.
    pub async fn next(&mut self) -> Result<DraftEvent, StoreError> {
        loop {
            while let Some((revision, events)) = self.inbox.front() {
                let version = Version(*revision);
                if version <= self.version {
                    // Told before. If it was not, the key's next event shows the hole.
                    self.inbox.pop_front();
                    continue;
                }
                let mut histories = Vec::new();
                for event in events {
                    histories.extend(follow(&self.histories, event)?);
                }
                let changes = self.changes(events).await?;
                let bookmark = events.is_empty();
                self.inbox.pop_front();
                for (key, history) in histories {
                    match history {
                        Some(history) => self.histories.insert(key, history),
                        None => self.histories.remove(&key),
                    };
                }
                self.version = version;
                if bookmark || !changes.is_empty() {
                    return Ok(DraftEvent { version, changes });
                }
            }
            let message = self.watch.next().await;
            let message = message.map_err(|error| error.during(ATTEMPT))?;
            if message.events.is_empty() {
                self.inbox.push_back((message.revision, Vec::new()));
            }
            for event in message.events {
                match self.inbox.back_mut() {
                    Some((revision, events)) if *revision == event.modified() => events.push(event),
                    Some(_) | None => self.inbox.push_back((event.modified(), vec![event])),
                }
            }
        }
    }

    /// What the events of one revision say to a reader.
    async fn changes(&self, events: &[Event]) -> Result<Vec<DraftChange>, StoreError> {
        // While a decided batch is written out, all that happens to objects is what its decision
        // said already.
        if self.histories.contains_key(keys::DRAFT_BATCH) {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        for event in events {
            match event {
                Event::Put(entry) if entry.key == keys::DRAFT_BATCH => {
                    let staged = self.store.staged(ATTEMPT, entry, entry.modified).await?;
                    changes.extend(staged.into_iter().map(|(key, stored)| match stored {
                        Some(stored) => DraftChange::Put(stored),
                        None => DraftChange::Delete(key),
                    }));
                }
                Event::Put(entry) if keys::object(&entry.key).is_some() => {
                    changes.push(DraftChange::Put(record::stored(ATTEMPT, entry)?));
                }
                Event::Put(_) => {}
                Event::Delete { key, .. } => {
                    changes.extend(keys::object(key).map(DraftChange::Delete));
                }
            }
        }
        Ok(changes)
    }
}

/// Where a key stands after an event; `None` when the event is an old one.
///
/// # Errors
/// When an event before this one is missing.
fn follow(
    histories: &BTreeMap<String, History>,
    event: &Event,
) -> Result<Option<(String, Option<History>)>, StoreError> {
    let key = event.key();
    let before = histories.get(key);
    let gap = || StoreError::Gap {
        attempt: ATTEMPT,
        key: key.to_owned(),
    };
    if before.is_some_and(|before| event.modified() <= before.modified) {
        return Ok(None);
    }
    let after = match event {
        Event::Delete { .. } if before.is_none() => return Err(gap()),
        Event::Delete { .. } => None,
        Event::Put(entry) => {
            let first = entry.version == 1;
            let next = before.is_some_and(|before| {
                entry.created == before.created && entry.version == before.version + 1
            });
            if !first && !next {
                return Err(gap());
            }
            Some(History {
                created: entry.created,
                modified: entry.modified,
                version: entry.version,
            })
        }
    };
    Ok(Some((key.to_owned(), after)))
}

#[cfg(test)]
mod tests {
    use super::super::kv::entry::Entry;
    use super::*;

    fn put(created: u64, modified: u64, version: u64) -> Event {
        Event::Put(Entry {
            key: "draft/vnet/web".to_owned(),
            value: "{}".into(),
            created,
            modified,
            version,
        })
    }

    fn delete(modified: u64) -> Event {
        Event::Delete {
            key: "draft/vnet/web".to_owned(),
            modified,
        }
    }

    /// Feeds events to one key's history; `None` where they leave a hole.
    fn run(events: &[Event]) -> Option<Option<History>> {
        let mut histories = BTreeMap::new();
        for event in events {
            match follow(&histories, event).ok()? {
                Some((key, Some(history))) => histories.insert(key, history),
                Some((key, None)) => histories.remove(&key),
                None => None,
            };
        }
        Some(histories.into_values().next())
    }

    fn at(created: u64, modified: u64, version: u64) -> Option<Option<History>> {
        Some(Some(History {
            created,
            modified,
            version,
        }))
    }

    #[test]
    fn a_history_without_holes_is_followed() {
        let events = [put(5, 5, 1), put(5, 8, 2), delete(9), put(12, 12, 1)];
        assert_eq!(run(&events), at(12, 12, 1));
        assert_eq!(run(&[put(5, 5, 1), delete(9)]), Some(None));
    }

    #[test]
    fn an_event_told_twice_is_told_once() {
        let events = [put(5, 5, 1), put(5, 8, 2), put(5, 8, 2), put(5, 5, 1)];
        assert_eq!(run(&events), at(5, 8, 2));
    }

    #[test]
    fn a_hole_in_a_history_is_an_error() {
        let holes: [&[Event]; 4] = [
            &[put(5, 8, 2)],
            &[put(5, 5, 1), put(5, 9, 3)],
            &[put(5, 5, 1), put(7, 9, 2)],
            &[delete(9)],
        ];
        for events in holes {
            assert_eq!(run(events), None, "{events:?}");
        }
    }

    #[test]
    fn a_key_made_anew_needs_no_delete_before_it() {
        assert_eq!(run(&[put(5, 5, 1), put(9, 9, 1)]), at(9, 9, 1));
    }
}
