//! What is told, when, and what is an event.

use super::*;

fn named(vrf: &str, family: &str, peer: &str) -> SessionName {
    SessionName {
        vrf: vrf.to_owned(),
        family: family.to_owned(),
        peer: peer.to_owned(),
    }
}

fn said(state: &str, since_ms: u64, received: u64, drops: u64) -> Session {
    Session {
        state: state.to_owned(),
        since_ms,
        received,
        drops,
    }
}

fn look<const N: usize>(sessions: [(&str, Session); N]) -> Look {
    let named = |(peer, session)| (named("default", "l2VpnEvpn", peer), session);
    Look {
        sessions: Some(sessions.into_iter().map(named).collect()),
        ..Look::default()
    }
}

/// A watch with a clock: looks are five seconds apart.
#[derive(Default)]
struct Scene {
    watch: Watch,
    looks: u64,
}

impl Scene {
    fn take(&mut self, look: Look) -> News {
        self.looks += 1;
        let at = Moment(self.looks * 5_000);
        self.watch.take(look, at, Timestamp(1_000_000 + at.0))
    }

    /// What the events of a look say.
    fn events(&mut self, look: Look) -> Vec<String> {
        let events = self.take(look).events.into_iter();
        events
            .map(|it| format!("{}: {}", it.kind.as_str(), it.message))
            .collect()
    }
}

#[test]
fn nothing_is_told_when_nothing_changed_and_since_is_worked_out_once() {
    let mut scene = Scene::default();
    let first = scene.take(look([("192.0.2.2", said("Established", 4_000, 7, 0))]));
    assert_eq!(first.events, []);
    let told = first.routing.unwrap();
    assert_eq!(told.sessions[0].since, Timestamp(1_001_000));
    // FRR's own clock is of seconds, and late: nothing of that shows.
    for since_ms in [8_000, 14_000, 18_000] {
        let news = scene.take(look([("192.0.2.2", said("Established", since_ms, 7, 0))]));
        assert_eq!(news, News::default());
    }
}

#[test]
fn a_session_that_turns_is_told_at_once_and_a_count_after_half_a_minute() {
    let mut scene = Scene::default();
    let up = |received| look([("192.0.2.2", said("Established", 0, received, 0))]);
    assert!(scene.take(up(0)).routing.is_some());
    for received in 1..=5 {
        assert_eq!(scene.take(up(received)), News::default());
    }
    let told = scene.take(up(6)).routing.unwrap();
    assert_eq!(told.sessions[0].received, 6);
    let lost = scene.take(look([("192.0.2.2", said("Idle", 2_000, 0, 1))]));
    let told = lost.routing.unwrap();
    assert_eq!(told.sessions[0].state, "Idle");
    assert_eq!(
        told.sessions[0].since,
        Timestamp(1_000_000 + 8 * 5_000 - 2_000)
    );
    // How far it is on its way back is a word, and no turn.
    let active = scene.take(look([("192.0.2.2", said("Active", 7_000, 0, 1))]));
    assert_eq!(active, News::default());
    // A way that closes, and a neighbor that comes, are.
    let mut closed = look([("192.0.2.2", said("Active", 12_000, 0, 1))]);
    let way = ("default".to_owned(), "192.0.2.2".parse().unwrap());
    closed.ways.insert(way, false);
    assert!(scene.take(closed.clone()).routing.is_some());
    let more = named("default", "l2VpnEvpn", "192.0.2.3");
    closed
        .sessions
        .as_mut()
        .unwrap()
        .insert(more, said("Idle", 0, 0, 0));
    assert_eq!(scene.take(closed.clone()).events, []);
    assert_eq!(scene.take(closed), News::default());
}

#[test]
fn counts_of_networks_stay_as_they_were_when_nobody_asked() {
    let mut scene = Scene::default();
    let networks = Networks {
        layer2: 3,
        ..Networks::default()
    };
    let asked = Look {
        networks: Some(networks),
        ..look([])
    };
    assert_eq!(scene.take(asked).routing.unwrap().networks, networks);
    assert_eq!(scene.take(look([])), News::default());
}

#[test]
fn a_session_that_is_lost_says_why_and_one_that_is_back_says_so() {
    let mut scene = Scene::default();
    let both = |vrf: &str, session: &Session| {
        let names = ["ipv4Unicast", "l2VpnEvpn"].map(|it| named(vrf, it, "192.0.2.2"));
        names.map(|name| (name, session.clone()))
    };
    let looked = |session: Session| Look {
        sessions: Some(
            [both("default", &session), both("red", &session)]
                .concat()
                .into_iter()
                .collect(),
        ),
        ..Look::default()
    };
    assert_eq!(scene.events(looked(said("Established", 0, 0, 0))), [""; 0]);
    let mut down = looked(said("Idle", 0, 0, 1));
    assert!(scene.watch.has_lost(&down));
    let peer = ("default".to_owned(), "192.0.2.2".to_owned());
    down.reasons.insert(peer, "Cease/BFD Down".to_owned());
    for vrf in ["default", "red"] {
        let way = (vrf.to_owned(), "192.0.2.2".parse().unwrap());
        down.ways.insert(way, false);
    }
    assert_eq!(
        scene.events(down.clone()),
        [
            "SessionLost: session with 192.0.2.2 for ipv4Unicast and l2VpnEvpn is lost: \
             Cease/BFD Down",
            "SessionLost: session with 192.0.2.2 for ipv4Unicast and l2VpnEvpn in red is lost: it \
             is Idle; BFD finds no way there",
        ]
    );
    assert!(!scene.watch.has_lost(&down));
    assert_eq!(scene.events(down), [""; 0]);
    let back = looked(said("Established", 0, 0, 1));
    let said_up = |rest: &str| {
        format!("SessionUp: session with 192.0.2.2 for ipv4Unicast and l2VpnEvpn{rest}")
    };
    assert_eq!(
        scene.events(back),
        [said_up(" is up"), said_up(" in red is up")]
    );
    let again = looked(said("Established", 0, 0, 2));
    assert_eq!(
        scene.events(again),
        [
            said_up(" was lost and is up again"),
            said_up(" in red was lost and is up again"),
        ]
    );
    // A neighbor that is not configured any more is no loss.
    assert_eq!(scene.events(look([])), [""; 0]);
}

#[test]
fn a_bgpd_that_falls_silent_is_one_event_and_its_return_another() {
    let mut scene = Scene::default();
    let up = || {
        look([
            ("192.0.2.2", said("Established", 9_000, 0, 0)),
            ("192.0.2.3", said("Established", 9_000, 0, 0)),
            ("192.0.2.4", said("Idle", 0, 0, 0)),
        ])
    };
    scene.take(up());
    let silent = scene.take(Look::default());
    assert_eq!(silent.routing, Some(Routing::default()));
    assert_eq!(
        silent.events[0].message,
        "bgpd does not answer: the 2 sessions that were up are lost"
    );
    assert_eq!(scene.take(Look::default()), News::default());
    assert_eq!(
        scene.events(up()),
        [
            "SessionUp: session with 192.0.2.2 for l2VpnEvpn is up",
            "SessionUp: session with 192.0.2.3 for l2VpnEvpn is up",
        ]
    );
}

#[test]
fn many_sessions_that_turn_at_once_are_few_events_and_the_list_is_bounded() {
    let many = |count: usize, state: &str, drops| Look {
        sessions: Some(
            (0..count)
                .map(|at| {
                    (
                        named("default", "l2VpnEvpn", &format!("n{at:05}")),
                        said(state, 0, 0, drops),
                    )
                })
                .collect(),
        ),
        ..Look::default()
    };
    let mut scene = Scene::default();
    scene.take(many(20, "Established", 0));
    let events = scene.events(many(20, "Idle", 1));
    assert_eq!(events.len(), EVENTS + 1);
    assert_eq!(events[EVENTS], "SessionLost: and 4 more sessions are lost");
    let events = scene.events(many(17, "Established", 1));
    assert_eq!(events[EVENTS], "SessionUp: and 1 more session is up");

    let mut most = many(LISTED + 10, "Established", 0);
    let last = named("default", "l2VpnEvpn", &format!("n{:05}", LISTED + 9));
    most.sessions
        .as_mut()
        .unwrap()
        .insert(last.clone(), said("Idle", 0, 0, 0));
    let told = Scene::default().take(most).routing.unwrap();
    assert_eq!((told.sessions.len(), told.unlisted), (LISTED, 10));
    assert_eq!(told.sessions.last().map(|it| &it.peer), Some(&last.peer));
    let all = told.tally().all;
    assert_eq!((all.up, all.total), (4_105, 4_106));
}
