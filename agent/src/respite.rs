//! Respites: vnets, or the whole node, whose drift is not healed for a while, by word of whoever
//! works on the node.
//!
//! # Guarantees
//! A respite ends by itself, and is kept over a restart of the agent until then. It holds back
//! healing and nothing else: what a rollout asks for, what a change that is undone must give back,
//! and what the node must be when its agent starts is made all the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use weft_model::name::VnetName;
use weft_model::revision::Timestamp;

/// The file, in the agent's state directory.
const FILE: &str = "respites.json";

/// For whom there is no healing, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Respites {
    /// The whole node.
    node: Option<Timestamp>,
    /// Single vnets.
    vnets: BTreeMap<VnetName, Timestamp>,
}

/// The respites could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RespiteError {
    /// They could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The time of the wall clock, which people mean when they say until when.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)))
}

/// A moment, as people read it.
pub fn moment(at: Timestamp) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(at.0);
    humantime::format_rfc3339_seconds(time).to_string()
}

impl Respites {
    /// The respites that are kept in a state directory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(state_dir: &Path) -> Result<Self, RespiteError> {
        let path = state_dir.join(FILE);
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        };
        read.map_err(|source| RespiteError::Read { path, source })
    }

    /// Keeps the respites in a state directory.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, state_dir: &Path) -> Result<(), RespiteError> {
        let path = state_dir.join(FILE);
        let fresh = path.with_extension("new");
        let written = serde_json::to_vec(self)
            .map_err(io::Error::from)
            .and_then(|bytes| std::fs::write(&fresh, bytes))
            // The agent reads the one or the other, and no half of one.
            .and_then(|()| std::fs::rename(&fresh, &path));
        written.map_err(|source| RespiteError::Write { path, source })
    }

    /// Gives these vnets a respite; the whole node where there are none.
    pub fn give(&mut self, vnets: &[VnetName], until: Timestamp) {
        if vnets.is_empty() {
            self.node = Some(until);
        }
        let named = vnets.iter().map(|vnet| (vnet.clone(), until));
        self.vnets.extend(named);
    }

    /// Ends the respite of these vnets; every respite where there are none.
    pub fn end(&mut self, vnets: &[VnetName]) {
        if vnets.is_empty() {
            *self = Self::default();
        }
        for vnet in vnets {
            self.vnets.remove(vnet);
        }
    }

    /// Until when what belongs to a vnet, or to none, is left as it is; nothing where it is healed.
    pub fn until(&self, vnet: Option<&VnetName>, now: Timestamp) -> Option<Timestamp> {
        let own = vnet.and_then(|vnet| self.vnets.get(vnet)).copied();
        self.node.max(own).filter(|until| *until > now)
    }

    /// The respites that are not over, in words.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let node = self.node.map(|until| ("the whole node".to_owned(), until));
        let vnets = self.vnets.iter();
        let vnets = vnets.map(|(vnet, until)| (format!("vnet {vnet}"), *until));
        node.into_iter()
            .chain(vnets)
            .filter(|(_, until)| *until > now)
            .map(|(what, until)| format!("{what}, until {}", moment(until)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vnet(name: &str) -> VnetName {
        name.parse().unwrap()
    }

    #[test]
    fn a_respite_is_of_what_it_was_given_to_and_ends_by_itself() {
        let (web, db) = (vnet("web"), vnet("db"));
        let mut respites = Respites::default();
        assert_eq!(respites.until(Some(&web), Timestamp(0)), None);
        respites.give(std::slice::from_ref(&web), Timestamp(2_000));
        assert_eq!(
            respites.until(Some(&web), Timestamp(1_999)),
            Some(Timestamp(2_000))
        );
        assert_eq!(respites.until(Some(&web), Timestamp(2_000)), None);
        assert_eq!(respites.until(Some(&db), Timestamp(0)), None);
        assert_eq!(respites.until(None, Timestamp(0)), None);
        respites.give(&[], Timestamp(1_000));
        assert_eq!(
            respites.lines(Timestamp(0)),
            [
                "the whole node, until 1970-01-01T00:00:01Z",
                "vnet web, until 1970-01-01T00:00:02Z"
            ]
        );
        assert_eq!(
            [Some(&web), Some(&db), None].map(|vnet| respites.until(vnet, Timestamp(0))),
            [2_000, 1_000, 1_000].map(|until| Some(Timestamp(until)))
        );
        respites.end(std::slice::from_ref(&web));
        assert_eq!(respites.until(Some(&web), Timestamp(1_000)), None);
        respites.end(&[]);
        assert_eq!(respites, Respites::default());
    }

    #[test]
    fn respites_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Respites::read(folder.path()).unwrap(), Respites::default());
        let mut respites = Respites::default();
        respites.give(&[vnet("web")], Timestamp(7));
        respites.write(folder.path()).unwrap();
        assert_eq!(Respites::read(folder.path()).unwrap(), respites);
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let error = Respites::read(folder.path()).unwrap_err();
        assert!(matches!(error, RespiteError::Read { .. }));
    }
}
