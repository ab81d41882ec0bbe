//! Watches how routing goes: what changed since the last look, what of it is an event, and what the
//! controller is to hear.
//!
//! # Guarantees
//! - Of a session is told at once that it is up or down, or was down in between; of how many routes
//!   and addresses there are, every [`COUNTS`] at most; and nothing when nothing changed.
//! - Since when a session is up, or down, is worked out once, and does not tremble with the clocks.
//! - A look makes [`EVENTS`] events of a kind at most, and one that says how many there are more.
//! - The first look makes no events: what was so before is no news.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_model::clock::{Moment, Span};
use weft_model::report::{EventKind, NodeEvent};
use weft_model::revision::Timestamp;
use weft_model::routing::{self, LISTED, Networks, Routing, Way};

mod event;

/// How often counts are told that change without a session that does.
pub const COUNTS: Span = Span::from_secs(30);

/// How many events of a kind come of one look.
pub const EVENTS: usize = 16;

/// Names a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionName {
    /// The routing domain, `default` for the default one.
    pub vrf: String,
    /// The family, `l2VpnEvpn`.
    pub family: String,
    /// The neighbor.
    pub peer: String,
}

/// A BGP session in one family, as FRR tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// `Established`, or how far it is.
    pub state: String,
    /// For how long it is up, or down, in milliseconds; 0 where it never was up.
    #[serde(default, rename = "peerUptimeMsec")]
    pub since_ms: u64,
    /// How many routes came by it.
    #[serde(default, rename = "pfxRcd")]
    pub received: u64,
    /// How often it was lost since the neighbor was configured.
    #[serde(default, rename = "connectionsDropped")]
    pub drops: u64,
}

impl Session {
    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        routing::is_up(&self.state)
    }
}

/// What the daemons said at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// BGP's sessions; `None` where bgpd does not answer.
    pub sessions: Option<BTreeMap<SessionName, Session>>,
    /// What BFD watches: whether the way is open, by routing domain and address.
    pub ways: BTreeMap<(String, IpAddr), bool>,
    /// How much is known of networks; `None` where nobody was asked this time.
    pub networks: Option<Networks>,
    /// Why sessions were lost that are down, by routing domain and neighbor.
    pub reasons: BTreeMap<(String, String), String>,
}

/// What comes of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What the controller is to hear now.
    pub routing: Option<Routing>,
    /// What happened.
    pub events: Vec<NodeEvent>,
}

/// How routing went at the last look.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    last: Option<Known>,
    told: Option<(Routing, Moment)>,
}

/// What is known, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    answers: bool,
    sessions: BTreeMap<SessionName, routing::Session>,
    ways: BTreeMap<(String, IpAddr), bool>,
    networks: Networks,
}

impl Watch {
    /// Whether there was a look that found a routing daemon.
    pub fn has_seen(&self) -> bool {
        self.last.is_some()
    }

    /// Whether a session was lost since the last look that is still down: whether to ask why.
    pub fn has_lost(&self, look: &Look) -> bool {
        let (Some(last), Some(sessions)) = (&self.last, &look.sessions) else {
            return false;
        };
        let was_up = |name| last.sessions.get(name).is_some_and(routing::Session::is_up);
        let mut all = sessions.iter();
        all.any(|(name, session)| !session.is_up() && was_up(name))
    }

    /// Takes a look in: `at` on the steady clock, `time` for people.
    pub fn take(&mut self, look: Look, at: Moment, time: Timestamp) -> News {
        let before = self.last.take();
        let reasons = look.reasons.clone();
        let now = known(before.as_ref(), look, time);
        let events = before.map_or_else(Vec::new, |before| event::told(&before, &now, &reasons));
        let routing = listed(&now);
        self.last = Some(now);
        let is_due = match &self.told {
            None => true,
            Some((told, when)) => {
                has_turned(told, &routing) || (*told != routing && when.until(at) >= COUNTS)
            }
        };
        if is_due {
            self.told = Some((routing.clone(), at));
        }
        let event = |(kind, message): (EventKind, String)| NodeEvent {
            at: time,
            kind,
            origin: None,
            message,
        };
        News {
            routing: is_due.then_some(routing),
            events: events.into_iter().map(event).collect(),
        }
    }
}

fn known(before: Option<&Known>, look: Look, time: Timestamp) -> Known {
    let answers = look.sessions.is_some();
    let since = |name: &SessionName, now: &Session| {
        let before = before.and_then(|before| before.sessions.get(name));
        match before.filter(|before| is_the_same(before, now)) {
            Some(before) => before.since,
            None => Timestamp(time.0.saturating_sub(now.since_ms)),
        }
    };
    let sessions = look.sessions.unwrap_or_default().into_iter();
    let session = |(name, now): (SessionName, Session)| {
        let session = routing::Session {
            since: since(&name, &now),
            vrf: name.vrf.clone(),
            family: name.family.clone(),
            peer: name.peer.clone(),
            state: now.state,
            received: now.received,
            drops: now.drops,
        };
        (name, session)
    };
    Known {
        answers,
        sessions: sessions.map(session).collect(),
        ways: look.ways,
        networks: look
            .networks
            .or(before.map(|before| before.networks))
            .unwrap_or_default(),
    }
}

/// Whether a session is up, or down, for the same time as before.
fn is_the_same(before: &routing::Session, now: &Session) -> bool {
    match (before.is_up(), now.is_up()) {
        (true, true) => before.drops == now.drops,
        (false, false) => true,
        (true, false) | (false, true) => false,
    }
}

/// What is told of all that is known.
fn listed(known: &Known) -> Routing {
    let all = known.sessions.len();
    let keep: Option<BTreeSet<&SessionName>> = (all > LISTED).then(|| {
        let (up, down): (Vec<_>, Vec<_>) = known.sessions.iter().partition(|(_, it)| it.is_up());
        let names = down.into_iter().chain(up).map(|(name, _)| name);
        names.take(LISTED).collect()
    });
    let is_kept = |name: &SessionName| keep.as_ref().is_none_or(|keep| keep.contains(name));
    let sessions = known.sessions.iter().filter(|(name, _)| is_kept(name));
    let ways = known.ways.iter().take(LISTED);
    Routing {
        answers: known.answers,
        sessions: sessions.map(|(_, session)| session.clone()).collect(),
        unlisted: u32::try_from(all.saturating_sub(LISTED)).unwrap_or(u32::MAX),
        ways: ways
            .map(|((vrf, peer), up)| Way {
                vrf: vrf.clone(),
                peer: *peer,
                up: *up,
            })
            .collect(),
        networks: known.networks,
    }
}

/// Whether more than counts and words is different.
fn has_turned(told: &Routing, now: &Routing) -> bool {
    let names = |it: &Routing| it.sessions.len() != now.sessions.len() || it.ways != now.ways;
    let turned = |(told, now): (&routing::Session, &routing::Session)| {
        let name = |it: &routing::Session| (it.vrf.clone(), it.family.clone(), it.peer.clone());
        name(told) != name(now) || told.is_up() != now.is_up() || told.since != now.since
    };
    let mut pairs = told.sessions.iter().zip(&now.sessions);
    told.answers != now.answers || names(told) || pairs.any(turned)
}

#[cfg(test)]
mod tests;
