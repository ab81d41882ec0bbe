//! Why the ledger could not be read or written.

use std::io;
use std::path::PathBuf;

use weft_model::plan::digest::Digest;
use weft_model::report::Fault;

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The directory cannot be used.
    #[error("cannot open the state directory {}", path.display())]
    Open {
        /// The directory, or the file in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent has the directory.
    #[error(
        "the state directory {} belongs to another weft-agent that is running: stop that one, or \
         use --state-dir",
        path.display()
    )]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal is not what was written.
    #[error(
        "both copies of the journal in {} are damaged: the network stays as it is until the \
         directory is restored, or moved away so that the controller sends everything anew",
        path.display()
    )]
    JournalDamaged {
        /// The directory.
        path: PathBuf,
    },
    /// What devices of the host get back is not what was written.
    #[error(
        "both copies of what devices of the host get back in {} are damaged: the network stays as \
         it is until the files loans.0 and loans.1 are restored, or removed so that the devices are \
         taken over anew as they are",
        path.display()
    )]
    LoansDamaged {
        /// The directory.
        path: PathBuf,
    },
    /// There are plans and no journal that says which of them is in force.
    #[error(
        "there are plans in {} but no journal: the network stays as it is until the directory is \
         restored, or moved away so that the controller sends everything anew",
        path.display()
    )]
    JournalMissing {
        /// The directory.
        path: PathBuf,
    },
    /// A later version of the agent wrote it.
    #[error(
        "{} has version {version}, written by a later weft-agent: install that one again, or move \
         the state directory away so that the controller sends everything anew",
        path.display()
    )]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version that it has.
        version: u32,
    },
    /// A plan is not what was written.
    #[error(
        "the plan in {} is damaged: the network stays as it is until the state directory is \
         restored, or moved away so that the controller sends everything anew",
        path.display()
    )]
    PlanDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A plan that the journal speaks of is not there.
    #[error(
        "the plan {digest} is missing from {}: the network stays as it is until the state \
         directory is restored, or moved away so that the controller sends everything anew",
        path.display()
    )]
    PlanMissing {
        /// Where it should be.
        path: PathBuf,
        /// Its digest.
        digest: Digest,
    },
    /// A value cannot be written as text.
    #[error("cannot write {} as JSON", path.display())]
    Encode {
        /// The file that it is for.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl LedgerError {
    /// The same for the controller and its users.
    pub fn fault(&self) -> Fault {
        let advice = match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space on the file system of the agent's state directory"
            }
            Self::Open { .. }
            | Self::Busy { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::JournalDamaged { .. }
            | Self::LoansDamaged { .. }
            | Self::JournalMissing { .. }
            | Self::UnknownVersion { .. }
            | Self::PlanDamaged { .. }
            | Self::PlanMissing { .. }
            | Self::Encode { .. } => "look after the agent's state directory on the node",
        };
        Fault {
            origin: None,
            attempt: self.to_string(),
            cause: std::error::Error::source(self)
                .map(ToString::to_string)
                .unwrap_or_else(|| "its contents are not what the agent wrote".to_owned()),
            advice: advice.to_owned(),
        }
    }
}
