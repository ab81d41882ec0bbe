//! A rollout that follows another, and nodes that are brought along.

use super::*;

#[test]
fn a_second_rollout_goes_on_from_the_first() {
    let setup = Setup {
        nodes: 1,
        second: Second::Onward,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, TWO, ANEW]);
}

#[test]
fn a_second_rollout_goes_back_to_before_the_first() {
    let setup = Setup {
        nodes: 1,
        second: Second::Back,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, TWO]);
}

#[test]
#[ignore = "millions of states; run with --release"]
fn a_second_rollout_of_two_nodes() {
    let setup = Setup {
        second: Second::Back,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, TWO]);
}

#[test]
fn a_node_that_is_left_out_follows_alone() {
    let setup = Setup {
        deferred: 1,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, DEFERRED]);
}

#[test]
fn a_node_that_cannot_catch_up_disturbs_nobody() {
    let setup = Setup {
        deferred: 1,
        failures: false,
        late_failures: true,
        aborts: false,
        calm: true,
        second: Second::Back,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[DEFERRED, DEGRADED, UNDISTURBED]);
}

#[test]
#[ignore = "half a million states; run with --release"]
fn a_rollout_that_closes_early_is_followed_by_all() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        turns: 1,
        crashes: 1,
        failures: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, ABORT, RETURN, NAMED]);
}

#[test]
fn two_leaders_and_a_second_rollout() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        second: Second::Onward,
        calm: true,
        failures: false,
        aborts: false,
        ..Setup::SMALL
    };
    holds(setup, &ALWAYS, &[COMMIT, SUCCESSOR, TWO]);
}
