//! What happened between two looks, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use weft_model::report::EventKind;
use weft_model::routing::{DEFAULT_DOMAIN, Session};

use super::{EVENTS, Known};

/// What became of one neighbor, in all families in which it became so: they share one connection.
#[derive(Default)]
struct Turn<'a> {
    families: BTreeSet<&'a str>,
    state: &'a str,
}

type Turns<'a> = BTreeMap<(&'a str, &'a str), Turn<'a>>;

pub(super) fn told(
    before: &Known,
    now: &Known,
    reasons: &BTreeMap<(String, String), String>,
) -> Vec<(EventKind, String)> {
    if before.answers && !now.answers {
        return silence(before);
    }
    let (mut lost, mut back, mut passed) = (Turns::new(), Turns::new(), Turns::new());
    for (name, session) in &now.sessions {
        let before = before.sessions.get(name);
        let was_up = before.is_some_and(Session::is_up);
        let turns = match (was_up, session.is_up()) {
            (true, false) => &mut lost,
            (false, true) => &mut back,
            (true, true) if before.is_some_and(|it| it.since != session.since) => &mut passed,
            (true, true) | (false, false) => continue,
        };
        let turn = turns.entry((&session.vrf, &session.peer)).or_default();
        turn.families.insert(&session.family);
        turn.state = &session.state;
    }
    let lost = lost.iter().map(|(name, turn)| {
        let why = why(name, turn, now, reasons);
        format!("{} is lost: {why}", whom(name, turn))
    });
    let passed = passed
        .iter()
        .map(|(name, turn)| format!("{} was lost and is up again", whom(name, turn)));
    let back = back
        .iter()
        .map(|(name, turn)| format!("{} is up", whom(name, turn)));
    let mut events = bounded(EventKind::SessionLost, lost, "are lost");
    events.extend(bounded(EventKind::SessionUp, passed.chain(back), "are up"));
    events
}

/// That bgpd says nothing of its sessions any more.
fn silence(before: &Known) -> Vec<(EventKind, String)> {
    let up = before.sessions.values().filter(|it| it.is_up());
    let peers: BTreeSet<_> = up.map(|it| (&it.vrf, &it.peer)).collect();
    let message = match peers.len() {
        0 => return Vec::new(),
        1 => "bgpd does not answer: the session that was up is lost".to_owned(),
        count => format!("bgpd does not answer: the {count} sessions that were up are lost"),
    };
    vec![(EventKind::SessionLost, message)]
}

fn bounded(
    kind: EventKind,
    messages: impl Iterator<Item = String>,
    what: &str,
) -> Vec<(EventKind, String)> {
    let mut messages = messages.map(|message| (kind, message));
    let mut events: Vec<_> = messages.by_ref().take(EVENTS).collect();
    match messages.count() {
        0 => {}
        1 => events.push((kind, format!("and 1 more session {}", is(what)))),
        count => events.push((kind, format!("and {count} more sessions {what}"))),
    }
    events
}

fn is(what: &str) -> String {
    what.replace("are", "is")
}

fn whom((vrf, peer): &(&str, &str), turn: &Turn<'_>) -> String {
    let families: Vec<&str> = turn.families.iter().copied().collect();
    let mut whom = format!("session with {peer} for {}", families.join(" and "));
    if *vrf != DEFAULT_DOMAIN {
        // Writing to a String cannot fail.
        let _ = write!(whom, " in {vrf}");
    }
    whom
}

fn why(
    (vrf, peer): &(&str, &str),
    turn: &Turn<'_>,
    now: &Known,
    reasons: &BTreeMap<(String, String), String>,
) -> String {
    let key = ((*vrf).to_owned(), (*peer).to_owned());
    let reason = reasons.get(&key).cloned();
    let reason = reason.unwrap_or_else(|| format!("it is {}", turn.state));
    let address = peer.parse().ok();
    let way = address.and_then(|peer| now.ways.get(&(key.0, peer)));
    match way {
        Some(false) if !reason.contains("BFD") => format!("{reason}; BFD finds no way there"),
        Some(_) | None => reason,
    }
}
