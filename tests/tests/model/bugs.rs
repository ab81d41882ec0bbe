//! A checker that is given a machine with a known bug finds it.

use super::*;

/// The least that a bug needs to show.
fn seeded(bug: Bug) -> Setup {
    Setup {
        failures: false,
        aborts: false,
        bug,
        ..Setup::SMALL
    }
}

#[test]
fn an_unchecked_epoch_is_found() {
    let setup = Setup {
        leaders: 2,
        ..seeded(Bug::EpochUnchecked)
    };
    finds(setup, &[S8]);
}

#[test]
fn a_missing_tombstone_is_found() {
    let setup = Setup {
        aborts: true,
        ..seeded(Bug::NoTombstone)
    };
    finds(setup, &[S4]);
}

#[test]
fn a_missing_lease_rule_is_found() {
    finds(seeded(Bug::NoLease), &[S8]);
}

#[test]
fn a_commit_after_the_first_verified_is_found() {
    finds(seeded(Bug::CommitAfterFirst), &[S8]);
}

#[test]
fn a_boot_into_the_unconfirmed_revision_is_found() {
    let setup = Setup {
        boots: 1,
        ..seeded(Bug::BootUnconfirmed)
    };
    finds(setup, &[S5]);
}

#[test]
fn a_store_that_does_not_compare_the_leader_is_found() {
    let setup = Setup {
        leaders: 2,
        ..seeded(Bug::StoreUnfenced)
    };
    finds(setup, &[S8]);
}

#[test]
fn an_abort_after_the_commit_is_found() {
    finds(seeded(Bug::AbortAfterCommit), &[S1]);
    finds(seeded(Bug::AbortAfterCommit), &[S5]);
}

#[test]
fn a_vote_for_an_earlier_leader_that_counts_is_found() {
    let setup = Setup {
        leaders: 2,
        ..seeded(Bug::OldVerified)
    };
    finds(setup, &[S8]);
}

#[test]
fn a_journal_that_is_forgotten_is_found() {
    let setup = Setup {
        crashes: 1,
        ..seeded(Bug::JournalForgotten)
    };
    finds(setup, &[S4, S6]);
}

/// The least that a bug of two rollouts needs to show.
fn seeded_twice(bug: Bug) -> Setup {
    Setup {
        nodes: 1,
        second: Second::Onward,
        ..seeded(bug)
    }
}

#[test]
fn a_tombstone_of_the_last_rollout_only_is_found() {
    finds(seeded_twice(Bug::OneTombstone), &[S4]);
}

#[test]
fn a_vote_of_the_first_rollout_that_counts_for_the_second_is_found() {
    finds(seeded_twice(Bug::OldRollout), &[S8]);
}

#[test]
fn a_node_left_out_that_is_brought_along_before_the_commit_is_found() {
    let setup = Setup {
        deferred: 1,
        ..seeded(Bug::DeferredTooSoon)
    };
    finds(setup, &[ALONE]);
}

#[test]
fn a_rollout_that_closes_early_and_names_nobody_is_found() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        ..seeded(Bug::NobodyNamed)
    };
    finds(setup, &[S4]);
}

#[test]
fn a_decision_that_is_forgotten_when_the_rollout_closes_is_found() {
    let setup = Setup {
        nodes: 1,
        early_close: true,
        ..seeded(Bug::DecisionForgotten)
    };
    finds(setup, &[S5]);
}

#[test]
fn a_failure_to_catch_up_that_aborts_a_rollout_is_found() {
    let setup = Setup {
        deferred: 1,
        late_failures: true,
        second: Second::Back,
        ..seeded(Bug::CatchUpAborts)
    };
    finds(setup, &[OWN_FAULT]);
}

#[test]
fn a_node_that_is_tried_again_with_what_the_head_was_is_found() {
    let setup = Setup {
        deferred: 1,
        late_failures: true,
        turns: 1,
        calm: true,
        second: Second::Back,
        ..seeded(Bug::OldHead)
    };
    finds(setup, &[TO_HEAD]);
}

#[test]
fn a_node_that_is_stuck_and_says_that_it_is_back_is_found() {
    let setup = Setup {
        nodes: 1,
        stuck: true,
        ..seeded(Bug::StuckSaysBack)
    };
    finds(setup, &[S6]);
}

#[test]
fn a_pause_that_the_next_leader_does_not_see_is_found() {
    let setup = Setup {
        waves: true,
        leaders: 2,
        manual: true,
        ..seeded(Bug::PauseForgotten)
    };
    finds(setup, &[PAUSED]);
}

#[test]
fn a_person_whom_the_next_leader_does_not_wait_for_is_found() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        manual: true,
        ..seeded(Bug::PersonForgotten)
    };
    finds(setup, &[PERSON]);
}

#[test]
fn a_word_that_the_next_leader_does_not_know_is_found() {
    let setup = Setup {
        nodes: 1,
        leaders: 2,
        manual: true,
        keep_alives: 1,
        ..seeded(Bug::WordForgotten)
    };
    finds(setup, &[WORD]);
}
