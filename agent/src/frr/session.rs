//! A connection to one daemon, and what it had when it was last read.

use std::sync::Arc;

use weft_node::frr::config::Config;
use weft_node::frr::daemon::{Daemon, held};
use weft_node::frr::version::Version;

use super::kept::Identity;
use super::vty::Vty;

/// One daemon.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) vty: Vty,
    pub(super) identity: Identity,
    pub(super) text: String,
    pub(super) config: Arc<Config>,
}

impl Session {
    /// Reads what the daemon has, which is this one; `None` where it does not answer.
    pub(super) async fn read(mut self, daemon: Daemon) -> Option<Self> {
        let answer = self.vty.ask("show running-config").await.ok()?;
        if !answer.is_done() {
            return None;
        }
        if answer.text != self.text {
            self.text = answer.text;
            let config = Config::parse(&self.text);
            self.config = Arc::new(match self.version() {
                Some(version) => held(config, daemon, version),
                None => config,
            });
        }
        Some(self)
    }

    /// The version in what was read last.
    pub(super) fn version(&self) -> Option<Version> {
        let mut lines = self.text.lines();
        let version = lines.find_map(|line| line.strip_prefix("frr version "))?;
        version.parse().ok()
    }
}
