//! Which FRR there is, for what a node says of itself.
//!
//! # Guarantees
//! Nothing is asked of a daemon as long as the sockets are those of the last look. A daemon that died
//! and left its socket counts as started: it is started again, mostly, and facts are part of what is
//! published.

use std::collections::BTreeMap;
use std::path::Path;

use weft_model::facts::FrrFacts;
use weft_model::text::Text;
use weft_node::frr::daemon::Daemon;

use super::vty::Vty;
use super::{number, socket};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    sockets: BTreeMap<Daemon, u64>,
    facts: Option<FrrFacts>,
}

impl Presence {
    /// What the node says of its FRR, as of the last look.
    pub(super) fn facts(&self) -> Option<&FrrFacts> {
        self.facts.as_ref()
    }

    /// Looks at the sockets; says whether the facts are others than before.
    pub(super) async fn look(&mut self, run: &Path) -> bool {
        let there = Daemon::EACH.iter();
        let sockets: BTreeMap<Daemon, u64> = there
            .filter_map(|daemon| Some((*daemon, number(run, *daemon)?)))
            .collect();
        // One that did not answer is asked again.
        let is_known = self.facts.is_some() || sockets.is_empty();
        if sockets == self.sockets && is_known {
            return false;
        }
        let mut version = None;
        for daemon in sockets.keys() {
            version = ask(run, *daemon).await;
            if version.is_some() {
                break;
            }
        }
        let facts = version.map(|version| FrrFacts {
            version,
            daemons: sockets
                .keys()
                .filter_map(|daemon| daemon.as_str().parse().ok())
                .collect(),
        });
        let has_changed = facts != self.facts;
        *self = Self { sockets, facts };
        has_changed
    }
}

async fn ask(run: &Path, daemon: Daemon) -> Option<Text> {
    let mut vty = Vty::open(&socket(run, daemon)).await.ok()?;
    let answer = vty.ask("show version").await.ok()?;
    version(&answer.text)?.parse().ok()
}

/// The version in what FRR says of itself, `FRRouting 8.4.4 (n1) on Linux(6.1.0-18-amd64).`
fn version(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    words.find(|word| *word == "FRRouting")?;
    words.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_frr_says() {
        let said = "FRRouting 8.4.4 (n1) on Linux(6.1.0-18-amd64).\nCopyright 1996-2005 Kunihiro\n";
        assert_eq!(version(said), Some("8.4.4"));
        assert_eq!(version("% Unknown command.\n"), None);
        assert_eq!(version("FRRouting"), None);
    }
}
