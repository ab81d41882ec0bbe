//! One member of etcd's three dies, freezes, or is cut off: a majority goes on, and so must we.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::etcd::{Cut, Member};
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, End, Stage, late};

/// Longer than etcd takes to elect another leader, much shorter than anybody would wait who thinks
/// that nothing goes on.
const HARDLY_NOTICED: Duration = Duration::from_secs(12);

/// What befalls a member, and what undoes it.
struct Harm {
    name: &'static str,
    does: fn(&mut Member) -> Result<()>,
    undo: fn(&mut Member) -> Result<()>,
}

const HARMS: [Harm; 4] = [
    Harm {
        name: "killed",
        does: Member::kill,
        undo: Member::start,
    },
    Harm {
        name: "frozen",
        does: Member::freeze,
        undo: Member::thaw,
    },
    Harm {
        name: "cut off from its peers",
        does: |member| member.cut(Cut::Peers),
        undo: |member| member.join(),
    },
    Harm {
        name: "cut off from all",
        does: |member| member.cut(Cut::All),
        undo: |member| member.join(),
    },
];

#[test]
fn one_member_of_three_that_fails_in_any_way_stops_no_rollout() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    for (round, harm) in HARMS.iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        // Of the leader and of a follower in turn: either may be the one that we talk to.
        let leader = stage.cluster.leading_member()?;
        let number = if round % 2 == 0 {
            leader
        } else {
            leader % 3 + 1
        };
        (harm.does)(stage.cluster.member(number)?)?;
        let start = Instant::now();
        let (change, _) = wait::until("a change to be taken", END_LIMIT, || {
            stage.propose(&vnet, tag)
        })?;
        wait::until("a rollout to go through", END_LIMIT, || {
            stage.goes_on(&change)
        })?;
        let took = start.elapsed();
        ensure!(took < HARDLY_NOTICED, "{} for {took:?}", harm.name);
        (harm.undo)(stage.cluster.member(number)?)?;
        wait::until("the member to be back", END_LIMIT, || {
            stage.cluster.member(number)?.check()
        })?;
    }
    stage.finish()
}

#[test]
fn a_leader_of_etcd_killed_again_and_again_splits_no_rollout() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let mut last = stage.newest()?.rollout;
    let mut commits = 0;
    for (round, delay) in [0_u64, 60, 120, 180, 260, 400].into_iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        let (change, _) = wait::until("a change to be taken", END_LIMIT, || {
            stage.propose(&vnet, tag)
        })?;
        let leader = stage.cluster.leading_member()?;
        let mut client = stage.begin_client(&["rollout", "start"])?;
        late(delay);
        stage.cluster.member(leader)?.kill()?;
        client.wait()?;
        stage.cluster.start_etcd()?;
        wait::until("every node to be back", END_LIMIT, || {
            stage.cluster.wait_for_nodes()
        })?;
        let (row, end) = stage.wait_for_end()?;
        // Killed before anything was stored, there is no rollout, and nothing must have changed.
        let end = if row.rollout > last { end } else { End::Abort };
        last = row.rollout;
        stage.is_everywhere(&change, end)?;
        if end == End::Commit {
            commits += 1;
        } else {
            wait::until("a rollout to go through", END_LIMIT, || {
                stage.goes_on(&change)
            })?;
            last = stage.newest()?.rollout;
        }
    }
    ensure!(commits > 0, "no rollout got through");
    stage.finish()
}
