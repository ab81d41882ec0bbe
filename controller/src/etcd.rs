//! An etcd of the controller's own: one member, as a child process, on loopback.
//!
//! # Guarantees
//! The child does not outlive the controller, however that ends.

use std::path::PathBuf;

/// How to run the child.
#[derive(Clone, Debug)]
pub struct ChildOptions {
    /// Where it keeps its data.
    pub directory: PathBuf,
    /// The program; found on the path.
    pub program: PathBuf,
    /// The port for clients on loopback; `None` takes a free one.
    pub port: Option<u16>,
    /// Whether data must survive a power failure; tests do without, for speed.
    pub durable: bool,
}

/// A running etcd; dropping it kills it.
pub struct ChildEtcd {
    endpoint: String,
}

/// The child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program is missing or cannot be run.
    #[error(
        "cannot start {program}: install etcd (apt install etcd-server), or name a running one with --etcd"
    )]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ChildEtcd {
    /// Starts etcd and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready.
    pub async fn start(options: ChildOptions) -> Result<Self, ChildError> {
        let _ = options;
        unimplemented!()
    }

    /// Where it listens, as `--etcd` takes it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the child ended, which it does not do by itself. Cancel-safe.
    pub async fn exited(&mut self) -> String {
        unimplemented!()
    }

    /// Stops it gently.
    pub async fn stop(self) {}
}
