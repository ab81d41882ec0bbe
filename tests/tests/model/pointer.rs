//! Parts of a state that most steps leave as they are: copied when they change, and only then
//! looked at again to tell one state from another. Twice as many states are visited in a second.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Access};

/// A value that is shared by all states that have it.
pub struct Shared<T>(Arc<Marked<T>>);

struct Marked<T> {
    value: T,
    /// The hash of the value; zero is not known yet.
    hash: AtomicU64,
}

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        let hash = AtomicU64::new(0);
        Self(Arc::new(Marked { value, hash }))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Clone for Marked<T> {
    fn clone(&self) -> Self {
        let value = self.value.clone();
        let hash = AtomicU64::new(0);
        Self { value, hash }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        let marked = Arc::make_mut(&mut self.0);
        *marked.hash.get_mut() = 0;
        &mut marked.value
    }
}

impl<T: Hash> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut hash = self.0.hash.load(Access::Relaxed);
        if hash == 0 {
            let mut hasher = DefaultHasher::new();
            self.0.value.hash(&mut hasher);
            hash = hasher.finish().max(1);
            self.0.hash.store(hash, Access::Relaxed);
        }
        state.write_u64(hash);
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.value == other.0.value
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T: Ord> PartialOrd for Shared<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for Shared<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.0.value.cmp(&other.0.value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}
