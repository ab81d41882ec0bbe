//! The controller's store: one suite, passed by the store in etcd and by the one in memory, and
//! what only a real etcd can show.

// All of it is test code, also what is no test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "etcd/fixtures.rs"]
mod fixtures;
#[path = "etcd/outage.rs"]
mod outage;
#[path = "etcd/suite.rs"]
mod suite;

macro_rules! both {
    ($($room:ident::$name:ident,)*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::suite::$room::$name(crate::fixtures::World::memory()).await;
            })*
        }
        mod in_etcd {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::suite::$room::$name(crate::fixtures::World::etcd().await).await;
            })*
        }
    };
}

both! {
    kv::a_transaction_happens_only_if_all_holds,
    kv::a_range_is_read_as_of_a_revision_page_by_page,
    kv::a_transaction_too_large_is_refused_as_that,
    kv::keys_vanish_with_their_lease,
    kv::a_watch_tells_each_transaction_whole_and_in_order,
    kv::a_watch_from_before_a_compaction_fails_as_that,
    draft::a_cluster_is_named_once,
    draft::a_batch_is_listed_and_watched_whole,
    draft::a_watch_resumes_after_what_it_saw,
    draft::an_unchanged_object_is_not_written,
    draft::generation_and_uid_follow_the_object,
    draft::a_stale_version_stores_nothing,
    draft::a_batch_against_an_older_draft_is_a_conflict,
    draft::a_compacted_version_says_list_again,
    draft::a_repeated_batch_gets_the_first_result,
    draft::a_lost_answer_is_looked_up,
    draft::a_lost_request_is_sent_again,
    draft::a_late_request_happens_once,
    batch::a_large_batch_is_seen_whole_or_not_at_all,
    batch::a_large_batch_that_is_not_written_out_is_finished_by_the_next,
    batch::a_large_batch_against_a_changed_draft_is_a_conflict,
    revision::a_revision_gives_back_what_was_published,
    revision::one_change_among_two_thousand_adds_one_part,
    revision::pruning_keeps_what_is_needed,
    rollout::one_rollout_is_active_and_the_loser_is_told_which,
    rollout::a_rollout_is_decided_once,
    rollout::a_commit_moves_the_head_with_its_record,
    rollout::a_lost_commit_is_found_and_not_repeated,
    rollout::of_many_creators_one_wins,
    leader::a_deposed_leader_writes_nothing,
    leader::a_new_leader_follows_one_that_vanished,
    mirror::a_change_that_a_watch_loses_is_missed_with_the_next_and_listed,
    mirror::a_change_that_comes_twice_is_taken_once,
    mirror::a_change_that_comes_too_late_is_missed_and_listed,
    mirror::watchers_that_are_slow_and_compacted_away_end_with_what_is_there,
    nodes::facts_are_written_when_they_changed,
    nodes::records_are_written_when_the_revision_changed,
}
