//! The words of keys and values: entries, transactions, ranges, and what a watch says.

use bytes::Bytes;

/// A key with its value and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, without the store's prefix.
    pub key: String,
    /// The value; empty where only keys were asked for.
    pub value: Bytes,
    /// The revision that made the key.
    pub created: u64,
    /// The revision that wrote it last.
    pub modified: u64,
    /// How many times it was written since it was made; starts at 1.
    pub version: u64,
}

/// Keys that vanish together when nobody keeps them alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease(pub i64);

/// What must hold for a transaction to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent(String),
    /// The key was made at this revision.
    Created(String, u64),
    /// The key was written last at this revision.
    Modified(String, u64),
}

impl Compare {
    /// That the entry is as it was read: written last when this one was, or still absent.
    pub fn same(key: &str, entry: Option<&Entry>) -> Self {
        entry.map_or_else(
            || Self::Absent(key.to_owned()),
            |entry| Self::Modified(key.to_owned(), entry.modified),
        )
    }

    /// The key that is looked at.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::Created(key, _) | Self::Modified(key, _) => key,
        }
    }

    /// Whether it holds for what is stored.
    pub fn holds(&self, entry: Option<&Entry>) -> bool {
        match self {
            Self::Absent(_) => entry.is_none(),
            Self::Created(_, revision) => entry.is_some_and(|entry| entry.created == *revision),
            Self::Modified(_, revision) => entry.is_some_and(|entry| entry.modified == *revision),
        }
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a key.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The lease that it vanishes with.
        lease: Option<Lease>,
    },
    /// Deletes a key.
    Delete(String),
    /// Reads a key.
    Get(String),
}

impl Op {
    /// Writes a key that stays.
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Put {
            key: key.into(),
            value: value.into(),
            lease: None,
        }
    }
}

/// Operations that happen together, if all comparisons hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub when: Vec<Compare>,
    /// What happens if it does.
    pub then: Vec<Op>,
    /// What happens if it does not.
    pub otherwise: Vec<Op>,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnReply {
    /// Whether all comparisons held.
    pub succeeded: bool,
    /// The store's revision after it.
    pub revision: u64,
    /// What the reads among the operations found, in order.
    pub found: Vec<Option<Entry>>,
}

/// Which keys to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The beginning of the keys.
    pub prefix: String,
    /// Only keys greater than this one.
    pub after: Option<String>,
    /// How many at most; zero is no bound.
    pub limit: usize,
    /// As of this revision; `None` for now.
    pub revision: Option<u64>,
    /// The order of the keys.
    pub order: Order,
    /// What of each entry is read.
    pub want: Want,
}

/// The order of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// What of an entry is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// All of it.
    #[default]
    Values,
    /// Everything but the value.
    Keys,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order asked for.
    pub entries: Vec<Entry>,
    /// The revision that they were read at.
    pub revision: u64,
    /// Whether there are more.
    pub more: bool,
}

/// What a watch says: what happened, or, without events, that nothing did up to the revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Everything up to here was told.
    pub revision: u64,
    /// What happened, in order; a transaction is never split.
    pub events: Vec<Event>,
}

/// What happened to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was written.
    Put(Entry),
    /// It was deleted.
    Delete {
        /// The key.
        key: String,
        /// The revision that deleted it.
        modified: u64,
    },
}

impl Event {
    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    pub fn modified(&self) -> u64 {
        match self {
            Self::Put(entry) => entry.modified,
            Self::Delete { modified, .. } => *modified,
        }
    }
}
