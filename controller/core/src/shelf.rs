//! A sorted map that is cheap to clone, to change by one value, and to compare with its own past.
//!
//! # Guarantees
//! Values stand in sorted chunks that clones share. A clone copies one pointer; a change copies one
//! chunk and the list of chunks; [`Shelf::differences`] skips every chunk that both sides share, so
//! that comparing a map of ten thousand values with the same map one change later looks at one
//! chunk.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many values a chunk holds at most: a change copies this many pointers and, of a map of ten
/// thousand, about as many pointers to chunks.
const FULL: usize = 128;

type Chunk<K, V> = Vec<(K, Arc<V>)>;

/// A sorted map whose clones share what they have in common.
#[derive(Debug)]
pub struct Shelf<K, V> {
    /// Never holds an empty chunk.
    chunks: Arc<Vec<Arc<Chunk<K, V>>>>,
    len: usize,
}

/// One key under which two maps hold different values.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference<'a, K, V> {
    /// The key.
    pub key: &'a K,
    /// The value in the old map.
    pub old: Option<&'a Arc<V>>,
    /// The value in the new map.
    pub new: Option<&'a Arc<V>>,
}

/// What two maps differ in, and what it cost to find out.
#[derive(Debug, PartialEq, Eq)]
pub struct Differences<'a, K, V> {
    /// The differences, in the order of the keys.
    pub found: Vec<Difference<'a, K, V>>,
    /// How many values had to be looked at because they were not the very same in memory.
    pub visited: usize,
}

impl<K, V> Clone for Shelf<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            len: self.len,
        }
    }
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V> Shelf<K, V> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value under `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&Arc<V>>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.get(self.chunk_for(key))?;
        let at = chunk.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    /// Whether there is a value under `key`.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Puts a value under `key`, in place of what was there.
    pub fn put(&mut self, key: K, value: Arc<V>) {
        let at = self.chunk_for(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return;
        };
        let entries = Arc::make_mut(chunk);
        match entries.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(place) => entries[place].1 = value,
            Err(place) => {
                entries.insert(place, (key, value));
                self.len += 1;
                if entries.len() > FULL {
                    let upper = entries.split_off(FULL / 2);
                    chunks.insert(at + 1, Arc::new(upper));
                }
            }
        }
    }

    /// Takes out the value under `key`.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let at = self.chunk_for(key);
        let place = self
            .chunks
            .get(at)?
            .binary_search_by(|(k, _)| k.borrow().cmp(key))
            .ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(chunks.get_mut(at)?);
        let (_, value) = entries.remove(place);
        if entries.is_empty() {
            chunks.remove(at);
        }
        self.len -= 1;
        Some(value)
    }

    /// Every key and value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    /// The first key and value after `key`, of all where there is none.
    pub fn after(&self, key: Option<&K>) -> Option<(&K, &Arc<V>)> {
        let at = key.map_or(0, |key| self.chunk_for(key));
        let entries = self.chunks.iter().skip(at).flat_map(|chunk| chunk.iter());
        let mut later = entries.skip_while(|(it, _)| key.is_some_and(|key| it <= key));
        later.next().map(|(key, value)| (key, value))
    }

    /// Every value, in the order of the keys.
    pub fn values(&self) -> impl Iterator<Item = &Arc<V>> {
        self.iter().map(|(_, value)| value)
    }

    /// The chunk that holds `key`, or would.
    fn chunk_for<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.chunks
            .partition_point(|chunk| {
                chunk
                    .first()
                    .is_some_and(|(first, _)| first.borrow() <= key)
            })
            .saturating_sub(1)
    }
}

impl<K: Ord + Clone, V: PartialEq> Shelf<K, V> {
    /// What turns `self` into `new`.
    pub fn differences<'a>(&'a self, new: &'a Self) -> Differences<'a, K, V> {
        let mut result = Differences {
            found: Vec::new(),
            visited: 0,
        };
        let (mut left, mut right) = (Cursor::of(self), Cursor::of(new));
        loop {
            if left.at_same_chunk(&right) {
                left.skip_chunk();
                right.skip_chunk();
                continue;
            }
            let (old, new) = (left.entry(), right.entry());
            let order = match (old, new) {
                (None, None) => return result,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let old = old.filter(|_| order.is_le());
            let new = new.filter(|_| order.is_ge());
            if old.is_some() {
                left.advance();
            }
            if new.is_some() {
                right.advance();
            }
            let (old_value, new_value) = (old.map(|(_, value)| value), new.map(|(_, value)| value));
            if let (Some(old), Some(new)) = (old_value, new_value) {
                if Arc::ptr_eq(old, new) {
                    continue;
                }
                if old == new {
                    result.visited += 1;
                    continue;
                }
            }
            result.visited += 1;
            if let Some((key, _)) = old.or(new) {
                result.found.push(Difference {
                    key,
                    old: old_value,
                    new: new_value,
                });
            }
        }
    }
}

impl<K: Ord + Clone, V> FromIterator<(K, Arc<V>)> for Shelf<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, Arc<V>)>>(entries: I) -> Self {
        let sorted: BTreeMap<K, Arc<V>> = entries.into_iter().collect();
        let len = sorted.len();
        let mut chunks = Vec::with_capacity(len.div_ceil(FULL));
        let mut entries = sorted.into_iter().peekable();
        while entries.peek().is_some() {
            chunks.push(Arc::new(entries.by_ref().take(FULL).collect()));
        }
        Self {
            chunks: Arc::new(chunks),
            len,
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Shelf<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let flat = |shelf: &Self| shelf.chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
        flat(self) == flat(other)
            && self
                .chunks
                .iter()
                .flat_map(|chunk| chunk.iter())
                .eq(other.chunks.iter().flat_map(|chunk| chunk.iter()))
    }
}

impl<K: Eq, V: Eq> Eq for Shelf<K, V> {}

struct Cursor<'a, K, V> {
    chunks: &'a [Arc<Chunk<K, V>>],
    place: usize,
}

impl<'a, K, V> Cursor<'a, K, V> {
    fn of(shelf: &'a Shelf<K, V>) -> Self {
        Self {
            chunks: &shelf.chunks,
            place: 0,
        }
    }

    fn at_same_chunk(&self, other: &Self) -> bool {
        self.place == 0
            && other.place == 0
            && matches!(
                (self.chunks.first(), other.chunks.first()),
                (Some(one), Some(two)) if Arc::ptr_eq(one, two)
            )
    }

    fn skip_chunk(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.place = 0;
    }

    fn entry(&self) -> Option<(&'a K, &'a Arc<V>)> {
        self.chunks
            .first()
            .and_then(|chunk| chunk.get(self.place))
            .map(|(key, value)| (key, value))
    }

    fn advance(&mut self) {
        self.place += 1;
        if self
            .chunks
            .first()
            .is_some_and(|chunk| chunk.len() <= self.place)
        {
            self.skip_chunk();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shelf(keys: impl IntoIterator<Item = u32>) -> Shelf<u32, u32> {
        keys.into_iter().map(|key| (key, Arc::new(key))).collect()
    }

    #[test]
    fn one_change_among_ten_thousand_is_one_value_looked_at() {
        let old = shelf(0..10_000);
        let mut new = old.clone();
        new.put(5_000, Arc::new(0));
        let differences = old.differences(&new);
        assert_eq!(differences.visited, 1);
        assert_eq!(
            differences.found,
            [Difference {
                key: &5_000,
                old: Some(&Arc::new(5_000)),
                new: Some(&Arc::new(0)),
            }]
        );
    }

    #[test]
    fn equal_values_in_other_memory_are_no_difference() {
        assert_eq!(shelf(0..300).differences(&shelf(0..300)).found, []);
    }

    proptest! {
        #[test]
        fn a_shelf_does_what_a_sorted_map_does(
            start in proptest::collection::btree_map(0u32..600, any::<u8>(), 0..400),
            edits in proptest::collection::vec((0u32..600, proptest::option::of(any::<u8>())), 0..300),
        ) {
            let mut map = start.clone();
            let old: Shelf<u32, u8> =
                start.iter().map(|(key, value)| (*key, Arc::new(*value))).collect();
            let mut new = old.clone();
            for (key, value) in edits {
                match value {
                    Some(value) => {
                        map.insert(key, value);
                        new.put(key, Arc::new(value));
                    }
                    None => prop_assert_eq!(new.remove(&key).map(|v| *v), map.remove(&key)),
                }
            }
            prop_assert_eq!(new.len(), map.len());
            let flat: Vec<(u32, u8)> = new.iter().map(|(key, value)| (*key, **value)).collect();
            prop_assert_eq!(flat, map.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>());
            let one_by_one = std::iter::successors(new.after(None), |(key, _)| new.after(Some(key)));
            prop_assert!(one_by_one.eq(new.iter()));
            for key in 0..600 {
                let later = new.after(Some(&key)).map(|(key, value)| (*key, **value));
                prop_assert_eq!(later, map.range(key + 1..).next().map(|(k, v)| (*k, *v)));
                prop_assert_eq!(new.get(&key).map(|v| **v), map.get(&key).copied());
            }

            let mut replayed = start.clone();
            for Difference { key, new, .. } in old.differences(&new).found {
                match new {
                    Some(value) => replayed.insert(*key, **value),
                    None => replayed.remove(key),
                };
            }
            prop_assert_eq!(replayed, map);
        }
    }
}
