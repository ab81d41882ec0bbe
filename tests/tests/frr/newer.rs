//! The same against FRR's newest release, where mgmtd has what zebra and staticd had.

use weft_tests::frr::Release::New;
use weft_tests::needs;

#[test]
fn every_kind_of_line_is_taken_by_a_newer_frr_and_taken_away_again() {
    needs!(NewFrr);
    super::every_kind(New);
}

#[test]
fn a_changed_route_target_drops_no_session_of_a_newer_frr() {
    needs!(NewFrr);
    super::changed_target(New);
}

#[test]
fn what_a_newer_frr_refuses_half_way_leaves_every_daemon_with_the_text_that_it_had() {
    needs!(NewFrr);
    super::refused_half_way(New);
}

#[test]
fn what_others_wrote_stays_with_a_newer_frr() {
    needs!(NewFrr);
    super::beside_others(New);
}

#[test]
fn a_daemon_of_a_newer_frr_that_died_is_told_everything_when_it_is_back() {
    needs!(NewFrr);
    super::back_again(New);
}
