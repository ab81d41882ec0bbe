//! Where everything is: the layout of the keys, below the store's prefix.
//!
//! Numbers are written with leading zeros so that the order of keys is the order of numbers.

use sha2::{Digest as _, Sha256};
use weft_model::name::NodeName;
use weft_model::object::{Kind, ObjectKey};
use weft_model::revision::{RevisionId, RolloutId};

/// The cluster's identity.
pub const CLUSTER: &str = "meta/cluster";
/// That the store went back in time, until an operator accepts it.
pub const QUARANTINE: &str = "meta/quarantine";
/// The candidates for leadership; the oldest leads.
pub const LEADER: &str = "leader/";
/// The draft, with what belongs to it.
pub const DRAFT: &str = "draft/";
/// Written with every change of the draft: its history is the draft's.
pub const DRAFT_CHANGE: &str = "draft/.change";
/// The batch that is decided and not yet written out to its objects.
pub const DRAFT_BATCH: &str = "draft/.batch";
/// The parts of batches.
pub const STAGE: &str = "stage/";
/// The nodes' facts.
pub const FACTS: &str = "facts/";
/// The nodes' records.
pub const NODE: &str = "node/";
/// The revisions.
pub const REVISION: &str = "rev/";
/// The parts of revisions, by their hash.
pub const BUCKET: &str = "bucket/";
/// The confirmed revision.
pub const HEAD: &str = "head";
/// The rollouts.
pub const ROLLOUT: &str = "rollout/";
/// The number of the active rollout.
pub const ACTIVE: &str = "rollout/active";
/// What became of rollouts.
pub const DECISION: &str = "decision/";
/// From where to where rollouts go.
pub const SPAN: &str = "span/";
/// The lock that a person holds over the draft and rollouts.
pub const LOCK: &str = "lock";
/// What became of the nodes of rollouts.
pub const RESULT: &str = "result/";
/// Which nodes had not heard how rollouts ended.
pub const AWAY: &str = "away/";
/// Who did what.
pub const AUDIT: &str = "audit/";
/// The results of calls that may be repeated.
pub const ONCE: &str = "once/";

/// An object of the draft.
pub fn draft(key: &ObjectKey) -> String {
    format!("{DRAFT}{key}")
}

/// The object of a key of the draft; `None` for the draft's other keys.
pub fn object(key: &str) -> Option<ObjectKey> {
    let (kind, name) = key.strip_prefix(DRAFT)?.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|k| k.lowercase() == kind)?;
    Some(ObjectKey::new(kind, name))
}

/// A part of a staged batch.
pub fn stage(batch: &str, part: usize) -> String {
    format!("{STAGE}{batch}/{part:06}")
}

/// A node's facts.
pub fn facts(node: &NodeName) -> String {
    format!("{FACTS}{node}")
}

/// A node's record.
pub fn node(node: &NodeName) -> String {
    format!("{NODE}{node}")
}

/// A revision's manifest.
pub fn manifest(revision: RevisionId) -> String {
    format!("{REVISION}{:020}/manifest", revision.0)
}

/// The revision of a manifest's key.
pub fn revision(key: &str) -> Option<RevisionId> {
    let number = key.strip_prefix(REVISION)?.strip_suffix("/manifest")?;
    number.parse().ok().map(RevisionId)
}

/// A part of a revision.
pub fn bucket(hash: &str) -> String {
    format!("{BUCKET}{hash}")
}

/// A rollout's record.
pub fn rollout(rollout: RolloutId) -> String {
    format!("{ROLLOUT}{:020}", rollout.0)
}

/// The rollout of a record's key.
pub fn rollout_of(key: &str) -> Option<RolloutId> {
    key.strip_prefix(ROLLOUT)?.parse().ok().map(RolloutId)
}

/// What became of a rollout.
pub fn decision(rollout: RolloutId) -> String {
    format!("{DECISION}{:020}", rollout.0)
}

/// From where to where a rollout goes.
pub fn span(rollout: RolloutId) -> String {
    format!("{SPAN}{:020}", rollout.0)
}

/// The results of a rollout's nodes.
pub fn results(rollout: RolloutId) -> String {
    format!("{RESULT}{:020}/", rollout.0)
}

/// The results of some of a rollout's nodes.
pub fn result(rollout: RolloutId, bucket: usize) -> String {
    format!("{}{bucket:06}", results(rollout))
}

/// The nodes that had not heard how a rollout ended.
pub fn away(rollout: RolloutId) -> String {
    format!("{AWAY}{:020}", rollout.0)
}

/// The rollout of such a key.
pub fn away_of(key: &str) -> Option<RolloutId> {
    key.strip_prefix(AWAY)?.parse().ok().map(RolloutId)
}

/// The result of a call that may be repeated. What callers send is hashed, so that it can be
/// anything.
pub fn once(key: &str) -> String {
    format!("{ONCE}{}", hex(&Sha256::digest(key)))
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_it_was_made_from() {
        let vnet = ObjectKey::new(Kind::Vnet, "web");
        assert_eq!(draft(&vnet), "draft/vnet/web");
        assert_eq!(object("draft/vnet/web"), Some(vnet));
        assert_eq!(object(DRAFT_BATCH), None);
        assert_eq!(object(DRAFT_CHANGE), None);
        assert_eq!(revision(&manifest(RevisionId(7))), Some(RevisionId(7)));
        assert_eq!(rollout_of(&rollout(RolloutId(7))), Some(RolloutId(7)));
        assert_eq!(rollout_of(ACTIVE), None);
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_numbers() {
        assert!(rollout(RolloutId(9)) < rollout(RolloutId(10)));
        assert!(manifest(RevisionId(99)) < manifest(RevisionId(100)));
    }
}
