//! Every interleaving of the two rollout machines, in small clusters: what must hold holds, what
//! must be possible is possible, and a checker that is given a machine with a known bug finds it.
//!
//! The machines are those that run in production (`weft_core::rollout` with its catch-ups,
//! `weft_node::session`). A configuration says what may happen in it; those that are ignored are
//! larger (CONTRIBUTING.md has the command). `MODEL_TALKS=1` has them say how far they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test is built of is as much test as the test"
)]

#[path = "model/act.rs"]
mod act;
#[path = "model/bugs.rs"]
mod bugs;
#[path = "model/courses.rs"]
mod courses;
#[path = "model/desk.rs"]
mod desk;
#[path = "model/host.rs"]
mod host;
#[path = "model/mute.rs"]
mod mute;
#[path = "model/pointer.rs"]
mod pointer;
#[path = "model/properties.rs"]
mod properties;
#[path = "model/second.rs"]
mod second;
#[path = "model/setup.rs"]
mod setup;
#[path = "model/world.rs"]
mod world;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use properties::{
    ABORT, ALONE, ALWAYS, ANEW, COMMIT, DEFERRED, DEGRADED, NAMED, NOBODY, OWN_FAULT, PAUSE,
    PAUSED, PERSON, RESCUED, RETURN, S1, S4, S5, S6, S8, STUCK, SUCCESSOR, TO_HEAD, TWO,
    UNDISTURBED, WORD,
};
use setup::{Bug, Second, Setup};
use stateright::{Checker, HasDiscoveries, Model};

/// Visits every state: everything in `always` holds, everything in `reached` was reached.
fn holds(setup: Setup, always: &[&'static str], reached: &[&'static str]) {
    let started = Instant::now();
    let broken: HashSet<_> = always.iter().copied().collect();
    let mut checker = setup
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyOf(broken.into_iter().collect()));
    if let Some(depth) = setup.depth {
        checker = checker.target_max_depth(depth);
    }
    let checker = checker.spawn_bfs();
    if std::env::var_os("MODEL_TALKS").is_some() {
        while !checker.is_done() {
            std::thread::sleep(Duration::from_secs(5));
            println!(
                "  {} states, {} generated, depth {}",
                checker.unique_state_count(),
                checker.state_count(),
                checker.max_depth()
            );
        }
    }
    let checker = checker.join();
    let found = checker.discoveries();
    println!(
        "{} states, depth {}, {:.1} s, {:?}",
        checker.unique_state_count(),
        checker.max_depth(),
        started.elapsed().as_secs_f32(),
        found.keys().collect::<Vec<_>>()
    );
    for name in always {
        if let Some(path) = found.get(name) {
            let world = path.last_state().clone();
            let actions = path.clone().into_actions();
            panic!("{name}: not after {actions:#?}\nwhich gives {world:#?}");
        }
    }
    for name in reached {
        assert!(found.contains_key(name), "never: {name}");
    }
}

/// Looks for a state that breaks one of `broken`.
fn finds(setup: Setup, broken: &[&'static str]) {
    let started = Instant::now();
    let checker = setup
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyOf(broken.iter().copied().collect()));
    let checker = checker.target_state_count(6_000_000).spawn_bfs().join();
    let found = checker.discoveries();
    let steps: Vec<_> = broken
        .iter()
        .filter_map(|name| Some((name, found.get(name)?.clone().into_actions().len())))
        .collect();
    println!(
        "{:?}: {} states, {:.1} s, {steps:?}",
        setup.bug,
        checker.unique_state_count(),
        started.elapsed().as_secs_f32(),
    );
    assert!(
        !steps.is_empty(),
        "{:?} breaks none of {broken:?}",
        setup.bug
    );
}

#[test]
fn one_leader_and_no_crash() {
    holds(Setup::SMALL, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_and_a_crash_of_an_agent() {
    let setup = Setup {
        crashes: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_and_a_reboot_of_a_host() {
    let setup = Setup {
        boots: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_and_lost_replies_of_a_slow_store() {
    let setup = Setup {
        lost_replies: true,
        slow_store: true,
        failures: false,
        ..Setup::SMALL
    };
    // A node may have gone back before the decision lands; it catches up.
    let always: Vec<_> = ALWAYS.into_iter().filter(|name| *name != S8).collect();
    holds(setup, &always, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_that_closes_early() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        turns: 1,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, NAMED]);
}

#[test]
fn one_leader_and_waves_and_keep_alives() {
    let setup = Setup {
        waves: true,
        keep_alives: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_and_a_person_who_pauses_and_decides() {
    let setup = Setup {
        manual: true,
        waves: true,
        keep_alives: 1,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, NOBODY]);
}

#[test]
fn two_leaders_of_one_node() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, SUCCESSOR]);
}

#[test]
fn two_leaders_of_one_node_and_a_crash() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        crashes: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, SUCCESSOR]);
}

#[test]
fn two_leaders_of_two_nodes_for_some_steps() {
    let setup = Setup {
        leaders: 2,
        failures: false,
        aborts: false,
        depth: Some(24),
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[SUCCESSOR]);
}

#[test]
#[ignore = "a million states; run with --release"]
fn two_leaders_of_two_nodes() {
    let setup = Setup {
        leaders: 2,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, SUCCESSOR]);
}

#[test]
fn two_leaders_of_one_node_and_a_reboot() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        boots: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, SUCCESSOR]);
}

#[test]
#[ignore = "millions of states; run with --release"]
fn one_leader_and_a_crash_and_a_reboot() {
    let setup = Setup {
        crashes: 1,
        boots: 1,
        aborts: false,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
#[ignore = "millions of states; run with --release"]
fn one_leader_that_closes_early_and_applies_that_fail() {
    let setup = Setup {
        early_close: true,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
#[ignore = "millions of states; run with --release"]
fn one_leader_of_three_nodes() {
    let setup = Setup {
        nodes: 3,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN]);
}

#[test]
fn one_leader_that_closes_early_and_a_crash() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        crashes: 1,
        calm: true,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, NAMED]);
}

#[test]
fn two_leaders_that_close_early() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        early_close: true,
        calm: true,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, SUCCESSOR, NAMED]);
}

#[test]
fn a_node_that_cannot_go_back_is_named_and_left() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        stuck: true,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, STUCK, RESCUED]);
}

#[test]
fn two_leaders_and_a_person_who_pauses_and_decides() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        manual: true,
        failures: false,
        calm: true,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, SUCCESSOR, PAUSE]);
}
