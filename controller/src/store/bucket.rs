//! Dividing many small values among few parts, so that a changed value changes one part.
//!
//! # Guarantees
//! Equal values divided alike make equal parts. Which part a value is in depends on its key and on
//! the number of parts only; the number of parts changes seldom, and then doubles or halves.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::keys;

/// How many values a part has on average, at most: some 16 KiB for vnets.
const AIM: usize = 64;

/// How full on average the parts may be before there are twice as many, and how empty before there
/// are half as many: far apart, so that a value more or less does not move them all.
const FULL: usize = 2 * AIM;
const EMPTY: usize = AIM / 4;

/// How large a part may be.
const LARGEST: usize = 512 << 10;

/// There are never more parts than two to this power: their names must fit in one value.
const MOST: u32 = 13;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What it is stored as; no text where the part has no values.
    pub hash: String,
    /// A JSON list of its values, in the order of their keys.
    pub value: Bytes,
}

impl Bucket {
    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.hash.is_empty()
    }
}

/// Divides JSON values by their keys, which come in order. `before` is the number of parts that
/// an earlier set of values was divided among.
pub fn divide(values: Vec<(String, Bytes)>, before: Option<usize>) -> Vec<Bucket> {
    let fits = |bits: u32, most: usize| values.len() <= most << bits;
    let kept = before
        .filter(|parts| parts.is_power_of_two())
        .map(usize::ilog2)
        .filter(|bits| fits(*bits, FULL) && (*bits == 0 || values.len() >= EMPTY << bits));
    let mut bits = kept.unwrap_or_else(|| {
        let enough = (0..MOST).find(|bits| fits(*bits, AIM));
        enough.unwrap_or(MOST)
    });
    loop {
        let parts = divide_among(&values, bits);
        if bits >= MOST || parts.iter().all(|part| part.value.len() <= LARGEST) {
            return parts;
        }
        bits += 1;
    }
}

fn divide_among(values: &[(String, Bytes)], bits: u32) -> Vec<Bucket> {
    let mut parts = vec![Vec::new(); 1 << bits];
    for (key, value) in values {
        if let Some(part) = parts.get_mut(place(key, bits)) {
            part.push(if part.is_empty() { b'[' } else { b',' });
            part.extend_from_slice(value);
        }
    }
    let bucket = |mut part: Vec<u8>| {
        if part.is_empty() {
            return Bucket {
                hash: String::new(),
                value: Bytes::new(),
            };
        }
        part.push(b']');
        Bucket {
            hash: hash(&part),
            value: part.into(),
        }
    };
    parts.into_iter().map(bucket).collect()
}

/// The part that a key belongs to.
fn place(key: &str, bits: u32) -> usize {
    let hash = Sha256::digest(key);
    let first = hash
        .iter()
        .take(4)
        .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    (first >> (32 - bits)) as usize
}

/// What a part is stored as.
pub fn hash(value: &[u8]) -> String {
    keys::hex(&Sha256::digest(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<(String, Bytes)> {
        let value = |n: usize| (format!("vnet/v{n:05}"), format!("{{\"n\":{n}}}").into());
        (0..count).map(value).collect()
    }

    fn differing(one: &[Bucket], other: &[Bucket]) -> usize {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn a_changed_value_changes_one_part() {
        let before = divide(values(10_000), None);
        let mut changed = values(10_000);
        changed[4711].1 = "{\"n\":0}".into();
        let after = divide(changed, Some(before.len()));
        assert_eq!((before.len(), differing(&before, &after)), (256, 1));
    }

    #[test]
    fn a_value_more_where_the_number_of_parts_would_turn_changes_one_part() {
        let before = divide(values(64 * 8), None);
        let after = divide(values(64 * 8 + 1), Some(before.len()));
        assert_eq!((before.len(), differing(&before, &after)), (8, 1));
    }

    #[test]
    fn the_parts_hold_every_value_once() {
        let mut all = Vec::new();
        for part in divide(values(1000), None) {
            let items: Vec<serde_json::Value> = serde_json::from_slice(&part.value).unwrap();
            all.extend(items.into_iter().map(|item| item["n"].as_u64().unwrap()));
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<u64>>());
    }

    #[test]
    fn no_part_is_larger_than_allowed() {
        let large = |n: usize| (format!("vnet/v{n:05}"), Bytes::from(vec![b'1'; 50_000]));
        let parts = divide((0..64).map(large).collect(), None);
        assert!(parts.iter().all(|part| part.value.len() <= LARGEST));
    }

    #[test]
    fn nothing_is_one_part_without_values() {
        let parts = divide(Vec::new(), None);
        assert_eq!((parts.len(), parts[0].is_empty()), (1, true));
    }
}
