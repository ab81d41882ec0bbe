//! Numbers that order the cluster's history.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $type(pub u64);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A published revision. Zero is the empty one that every cluster starts from.
    RevisionId
);

number!(
    /// A rollout; later ones have larger numbers. Zero is no rollout.
    RolloutId
);

number!(
    /// The create revision of the leader's key in etcd: a later leader has a larger one.
    Epoch
);

number!(
    /// Ties an answer to the command it answers; larger is later within an epoch.
    Nonce
);

number!(
    /// How many times this cluster's store was restored from a backup.
    Incarnation
);

number!(
    /// How many times the spec of an object changed since the object was made; starts at 1.
    Generation
);

number!(
    /// The version of a stored object: it changes with every write, and writes may demand it.
    Version
);

number!(
    /// Milliseconds since 1970-01-01 UTC; for people only, no decision depends on it.
    Timestamp
);

impl RevisionId {
    /// The revision that has no objects at all.
    pub const EMPTY: Self = Self(0);
}

/// Names one cluster for ever: 32 hex digits, drawn when the store is first used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(String);

/// A text that is no cluster id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cluster id: 32 lower-case hex digits")]
pub struct ClusterIdError(pub String);

impl ClusterId {
    /// The id made of 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        use std::fmt::Write;
        Self(bytes.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits: enough to tell clusters apart in a device's alias.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl TryFrom<String> for ClusterId {
    type Error = ClusterIdError;

    fn try_from(text: String) -> Result<Self, ClusterIdError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 32 && text.bytes().all(hex) {
            Ok(Self(text))
        } else {
            Err(ClusterIdError(text))
        }
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
