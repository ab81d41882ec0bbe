//! How routing goes on a node: its sessions, the ways to its neighbors, and how much it knows.
//!
//! # Guarantees
//! It stays small however large the cluster is: of networks, Ethernet addresses and far end points
//! only counts are here, never which they are, and of sessions and ways at most [`LISTED`].

use std::net::IpAddr;

use crate::revision::Timestamp;

/// How many sessions, and how many ways, are listed at most.
pub const LISTED: usize = 4_096;

/// How many neighbors without a session a tally names.
const NAMED: usize = 3;

/// The routing domain that is no VRF, as FRR names it.
pub const DEFAULT_DOMAIN: &str = "default";

/// How routing goes on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Whether the daemon that speaks BGP answers; else nothing is known of sessions.
    pub answers: bool,
    /// BGP's sessions, in the order of their names. Where there are more than can be listed, those
    /// that are down are.
    pub sessions: Vec<Session>,
    /// How many sessions are not listed.
    pub unlisted: u32,
    /// What BFD watches.
    pub ways: Vec<Way>,
    /// How much is known of VXLAN networks.
    pub networks: Networks,
}

/// A BGP session in one family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    /// The routing domain, `default` for the one that is no VRF.
    pub vrf: String,
    /// The family as FRR names it, `l2VpnEvpn`.
    pub family: String,
    /// The neighbor: an address, or the device behind which it is.
    pub peer: String,
    /// `Established`, or how far it is.
    pub state: String,
    /// Since when it is up, or down.
    pub since: Timestamp,
    /// How many routes came by it.
    pub received: u64,
    /// How often it was lost since the neighbor was configured.
    pub drops: u64,
}

/// A way to a neighbor that BFD watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The routing domain, as of a session.
    pub vrf: String,
    /// The neighbor.
    pub peer: IpAddr,
    /// Whether it is open.
    pub up: bool,
}

/// How much a node knows of VXLAN networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// How many networks guests are in.
    pub layer2: u32,
    /// How many networks join routing domains.
    pub layer3: u32,
    /// How many different far end points the networks of guests have.
    pub remotes: u32,
    /// How many Ethernet addresses are known in them.
    pub macs: u64,
    /// How many neighbors, addresses with their Ethernet address, are known in them.
    pub neighbors: u64,
}

/// Some of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many are up.
    pub up: u32,
    /// How many there are.
    pub total: u32,
}

/// What the sessions of a node come to: counted once, so that nobody has to go through them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whether the daemon that speaks BGP answers.
    pub answers: bool,
    /// All sessions.
    pub all: Count,
    /// Those that are in no VRF.
    pub default: Count,
    /// The first of the latter that are down, `192.0.2.2 (Connect)`.
    pub down: Vec<String>,
}

impl Session {
    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        is_up(&self.state)
    }
}

/// Whether this is the state of a session that is up.
pub fn is_up(state: &str) -> bool {
    state == "Established"
}

impl Routing {
    /// What the sessions come to.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            answers: self.answers,
            ..Tally::default()
        };
        for session in &self.sessions {
            let is_default = session.vrf == DEFAULT_DOMAIN;
            tally.all.add(session.is_up());
            if is_default {
                tally.default.add(session.is_up());
            }
            if is_default && !session.is_up() && tally.down.len() < NAMED {
                let (peer, state) = (&session.peer, &session.state);
                tally.down.push(format!("{peer} ({state})"));
            }
        }
        // What is not listed is up, as long as those that are down fit the list.
        let full = tally.all.up == 0 && !self.sessions.is_empty();
        tally.all.total = tally.all.total.saturating_add(self.unlisted);
        if !full {
            tally.all.up = tally.all.up.saturating_add(self.unlisted);
        }
        tally
    }
}

impl Count {
    fn add(&mut self, up: bool) {
        self.total = self.total.saturating_add(1);
        self.up = self.up.saturating_add(u32::from(up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(vrf: &str, peer: &str, state: &str) -> Session {
        Session {
            vrf: vrf.to_owned(),
            family: "l2VpnEvpn".to_owned(),
            peer: peer.to_owned(),
            state: state.to_owned(),
            since: Timestamp(1),
            received: 0,
            drops: 0,
        }
    }

    #[test]
    fn a_tally_counts_all_and_names_the_first_that_are_down_in_no_vrf() {
        let mut sessions = vec![session("default", "192.0.2.1", "Established")];
        sessions.extend(["2", "3", "4", "5"].map(|it| session("default", it, "Connect")));
        sessions.push(session("red", "192.0.2.9", "Idle"));
        let routing = Routing {
            answers: true,
            sessions,
            unlisted: 10,
            ..Routing::default()
        };
        let expected = Tally {
            answers: true,
            all: Count { up: 11, total: 16 },
            default: Count { up: 1, total: 5 },
            down: ["2", "3", "4"].map(|it| format!("{it} (Connect)")).into(),
        };
        assert_eq!(routing.tally(), expected);
        assert_eq!(Routing::default().tally(), Tally::default());
    }
}
