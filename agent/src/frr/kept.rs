//! What must be known of FRR after a restart: what we wrote, and FRR's own file.
//!
//! # Guarantees
//! What we are about to write is noted before it is said, so that no line of ours is ever taken for
//! someone else's. Both files are replaced whole or stay as they were.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weft_node::frr::config::Config;
use weft_node::frr::daemon::Daemon;
use weft_node::frr::file;
use weft_node::frr::step::Written;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Which process a daemon is: its number, and that of its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    pub(crate) socket: u64,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Kept {
    pub(crate) written: Written,
    /// What daemons took and do not show, as long as they are these processes.
    pub(crate) silent: BTreeMap<String, (Identity, Config)>,
}

impl Kept {
    /// Reads the file; what is not there, or torn, is nothing.
    pub(crate) fn read(path: &Path) -> Result<Self, KeptError> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(KeptError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), KeptError> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::from);
        let written = bytes.and_then(|bytes| replace(path, &bytes));
        written.map_err(|source| KeptError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// What a daemon does not show, where it is still this process.
    pub(crate) fn silent_of(&self, daemon: Daemon, identity: Identity) -> Option<&Config> {
        let (of, silent) = self.silent.get(daemon.as_str())?;
        (*of == identity).then_some(silent)
    }
}

/// What of FRR's own file is ours, by its block.
pub(crate) fn ours_in_file(path: &Path) -> Written {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = file::ours(&text);
    let made = lines.sections().map(|(place, _)| place.clone()).collect();
    Written { lines, made }
}

/// Puts our part into FRR's own file. A file that is not there is not made: then FRR's daemons have
/// files of their own, or somebody else makes it.
pub(crate) fn write_file(path: &Path, written: &Written) -> Result<(), KeptError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(KeptError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut ours = written.lines.clone();
    for place in &written.made {
        ours.open(place);
    }
    let merged = file::merge(&text, &ours);
    if merged == text {
        return Ok(());
    }
    replace(path, merged.as_bytes()).map_err(|source| KeptError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Replaces a file at once, with the owner and the rights that it had.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".weft-new");
    let new = path.with_file_name(name);
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    match fs::metadata(path) {
        Ok(was) => {
            file.set_permissions(was.permissions())?;
            fchown(&file, Some(was.uid()), Some(was.gid()))?;
        }
        // Passwords of neighbors may be in it.
        Err(_) => file.set_permissions(fs::Permissions::from_mode(0o600))?,
    }
    file.sync_all()?;
    fs::rename(&new, path)
}
