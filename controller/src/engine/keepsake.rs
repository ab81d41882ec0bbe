//! What a controller remembers of its store outside of it, so that a store that went back in time
//! is known as one.
//!
//! # Guarantees
//! What is kept only grows while the store is the same one, and is replaced whole: a crash leaves
//! the old or the new.
//!
//! # Assumes
//! The file is not in what is restored. Where it is, or where there is none, the nodes tell: they
//! remember more than the store does.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::store::meta::Cluster;
use crate::store::quarantine::Mark;

/// The name of the file in the state directory.
const FILE: &str = "store.json";

/// What was seen of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Seen {
    cluster: Cluster,
    mark: Mark,
}

/// What a controller remembers of its store; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Keepsake {
    file: Option<PathBuf>,
    seen: Arc<Mutex<Option<Seen>>>,
}

impl Keepsake {
    /// What is remembered in a directory. What cannot be read counts as nothing, and is said.
    pub fn of(directory: &Path) -> Self {
        let file = directory.join(FILE);
        let seen = match read(&file) {
            Ok(seen) => seen,
            Err(error) => {
                warn!(file = %file.display(), %error, "what was seen of the store is not known");
                None
            }
        };
        Self {
            file: Some(file),
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    /// Why this store cannot be the one that was seen, where it cannot.
    pub fn contradicts(&self, cluster: &Cluster, mark: &Mark) -> Option<String> {
        let seen = self.lock().clone()?;
        if seen.cluster.id != cluster.id || seen.cluster.incarnation < cluster.incarnation {
            return None;
        }
        if seen.cluster.incarnation > cluster.incarnation {
            return Some(format!(
                "this controller saw incarnation {} of it, and it is incarnation {}",
                seen.cluster.incarnation, cluster.incarnation
            ));
        }
        mark.contradicts(&seen.mark)
    }

    /// Remembers how far the store is. Without a directory that can be written it is remembered
    /// for as long as the process runs.
    pub fn keep(&self, cluster: &Cluster, mark: Mark) {
        let seen = Seen {
            cluster: cluster.clone(),
            mark,
        };
        let mut known = self.lock();
        if known.as_ref() == Some(&seen) {
            return;
        }
        if let Some(file) = &self.file
            && let Err(error) = write(file, &seen)
        {
            warn!(file = %file.display(), %error, "what was seen of the store is not kept");
        }
        *known = Some(seen);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        // No code that could stop half-way runs under the lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> io::Result<Option<Seen>> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, seen: &Seen) -> io::Result<()> {
    let next = file.with_extension("next");
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut open = File::create(&next)?;
    open.write_all(&serde_json::to_vec(seen)?)?;
    open.sync_all()?;
    std::fs::rename(&next, file)
}

#[cfg(test)]
mod tests {
    use weft_model::revision::{ClusterId, Incarnation};

    use super::*;

    fn cluster(id: u8, incarnation: u64) -> Cluster {
        Cluster {
            id: ClusterId::from_bytes([id; 16]),
            incarnation: Incarnation(incarnation),
        }
    }

    #[test]
    fn a_store_that_went_back_is_known_after_a_restart_until_its_incarnation_is_a_later_one() {
        let directory = tempfile::tempdir().unwrap();
        let mark = |revision, head| Mark { revision, head };
        let first = Keepsake::of(directory.path());
        assert_eq!(first.contradicts(&cluster(1, 0), &mark(1, 0)), None);
        first.keep(&cluster(1, 1), mark(100, 90));

        let next = Keepsake::of(directory.path());
        let is_known = |id, incarnation, mark| {
            let cluster = cluster(id, incarnation);
            next.contradicts(&cluster, &mark).is_some()
        };
        assert!(!is_known(1, 1, mark(100, 90)));
        assert!(!is_known(1, 1, mark(110, 105)));
        assert!(is_known(1, 1, mark(99, 90)));
        // Written on since it was restored, and still without what was confirmed.
        assert!(is_known(1, 1, mark(200, 80)));
        assert!(is_known(1, 0, mark(200, 150)));
        assert!(!is_known(1, 2, mark(50, 40)));
        assert!(!is_known(2, 0, mark(1, 0)));
    }
}
