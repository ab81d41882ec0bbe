//! A connection to one daemon, and what it had when it was last read.

use std::sync::Arc;

use weft_node::frr::config::Config;

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
    /// Reads what the daemon has; `None` where it does not answer.
    pub(super) async fn read(mut self) -> Option<Self> {
        let answer = self.vty.ask("show running-config").await.ok()?;
        if !answer.is_done() {
            return None;
        }
        if answer.text != self.text {
            self.config = Arc::new(Config::parse(&answer.text));
            self.text = answer.text;
        }
        Some(self)
    }
}
