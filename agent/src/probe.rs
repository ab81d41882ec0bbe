//! Probes: programs that this node's administrator allows a rollout to run by name.
//!
//! # Guarantees
//! - A controller chooses names. What runs is a file of that name in one directory; directory and
//!   file belong to root, and nobody else can write them.
//! - A probe has none of the agent's rights and none of its environment, and is `nobody` where the
//!   agent is root. It and all that it starts are ended at its limit, and when nobody waits any more.
//! - However much a probe says, little is kept: the end of it.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use futures::future::join_all;
use weft_model::message::Gates;
use weft_model::name::ProbeName;
use weft_model::report::Fault;

mod child;
mod tail;

use child::Ended;

use crate::options::USUAL_PROBES;

/// Bits of a file's mode by which others than its owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Bits of a file's mode by which it may be run.
const EXECUTABLE: u32 = 0o111;

/// The probes that the administrator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes {
    directory: PathBuf,
}

/// When a probe is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything is changed.
    Before,
    /// After the change was made.
    After,
    /// Once more, after a while.
    Again,
}

/// Why a probe is not run at all.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no {}", .0.display())]
    Absent(PathBuf),
    #[error("cannot look at {}", .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("{} is not a {wanted}", .path.display())]
    Kind { path: PathBuf, wanted: &'static str },
    #[error("{} does not belong to root, or others can write it", .0.display())]
    Open(PathBuf),
    #[error("{} is not executable", .0.display())]
    Inert(PathBuf),
}

impl Default for Probes {
    fn default() -> Self {
        Self::new(USUAL_PROBES)
    }
}

impl Probes {
    /// The probes in a directory, which need not be there.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The probes that are asked for and cannot be run here.
    pub(crate) fn refused(&self, gates: &Gates) -> Vec<Fault> {
        let refused = |probe| {
            let refusal = self.find(probe).err()?;
            Some(Fault {
                origin: None,
                attempt: format!("cannot run probe {probe}"),
                cause: crate::log::Chain(&refusal).to_string(),
                advice: "the node's administrator allows a probe by an executable file of its \
                         name that belongs to root and that nobody else can write"
                    .to_owned(),
            })
        };
        gates.probes.iter().filter_map(refused).collect()
    }

    /// Runs all probes that are asked for, side by side; gives those that fail.
    pub(crate) async fn failing(&self, gates: &Gates, when: When) -> BTreeMap<ProbeName, Fault> {
        let run = gates.probes.iter().map(async |probe| {
            let cause = match self.find(probe) {
                Err(refusal) => Some(crate::log::Chain(&refusal).to_string()),
                Ok(file) => match child::run(&file, gates.limit.duration()).await {
                    Ok(Ended::Well) => None,
                    Ok(Ended::Badly(cause)) => Some(cause),
                    Err(error) => Some(format!("it cannot be started: {error}")),
                },
            };
            cause.map(|cause| (probe.clone(), self.fault(probe, when, cause)))
        });
        join_all(run).await.into_iter().flatten().collect()
    }

    fn fault(&self, probe: &ProbeName, when: When, cause: String) -> Fault {
        let file = self.directory.join(probe.as_str());
        let (attempt, advice) = match when {
            When::Before => (
                format!("probe {probe} fails before the change"),
                "it is not counted".to_owned(),
            ),
            When::After => (
                format!("probe {probe} fails after the change and worked before it"),
                format!("see what {} looks at", file.display()),
            ),
            When::Again => (
                format!("probe {probe} fails a while after the change and worked before it"),
                format!("see what {} looks at", file.display()),
            ),
        };
        Fault {
            origin: None,
            attempt,
            cause,
            advice,
        }
    }

    /// The probe's file, if it is one that root alone can have put there.
    fn find(&self, probe: &ProbeName) -> Result<PathBuf, Refusal> {
        let is_safe = |path: &Path, is_kind: fn(&std::fs::Metadata) -> bool, wanted| {
            // Not through a link: what it points to may be anybody's.
            let found = match path.symlink_metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Refusal::Absent(path.to_owned()));
                }
                Err(source) => {
                    let path = path.to_owned();
                    return Err(Refusal::Look { path, source });
                }
            };
            if !is_kind(&found) {
                let path = path.to_owned();
                return Err(Refusal::Kind { path, wanted });
            }
            if found.uid() != 0 || found.mode() & WRITABLE_BY_OTHERS != 0 {
                return Err(Refusal::Open(path.to_owned()));
            }
            Ok(found.mode())
        };
        is_safe(&self.directory, std::fs::Metadata::is_dir, "directory")?;
        let file = self.directory.join(probe.as_str());
        let mode = is_safe(&file, std::fs::Metadata::is_file, "file")?;
        if mode & EXECUTABLE == 0 {
            return Err(Refusal::Inert(file));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
