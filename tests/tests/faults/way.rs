//! What etcd answers comes late, or never.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::exec;
use weft_tests::lab::Lab;
use weft_tests::proxy::Proxy;
use weft_tests::underlay::Underlay;
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, End, Stage, late};

/// Where the first controller finds the way to etcd.
const PORT: u16 = 12_379;

/// So many controllers, of which the first comes to etcd by a way that can be slow.
fn open(count: usize, contact: Contact) -> Result<(Stage, Proxy)> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired_for(&lab, Underlay::Ipv4, 3, count)?;
    let proxy = Proxy::start(&cluster.control, PORT, "127.0.0.1:2379")?;
    cluster.set_way(0, proxy.endpoint());
    let stage = Stage::begin(lab, cluster, Etcd::External, count, contact)?;
    Ok((stage, proxy))
}

/// How often each action of a rollout is in the audit, and that nothing else is twice.
fn audited(stage: &mut Stage, rollout: u64, action: &str) -> Result<usize> {
    let all = stage.cluster.member(1)?;
    let all = all.ctl(&["get", "--prefix", "/weft/audit/", "--print-value-only"])?;
    let (action, detail) = (
        format!("\"action\":\"{action}\""),
        format!("\"detail\":\"rollout {rollout} to"),
    );
    let lines = all.lines();
    Ok(lines
        .filter(|line| line.contains(&action) && line.contains(&detail))
        .count())
}

#[test]
fn an_answer_of_etcd_that_is_lost_is_looked_up_and_nothing_happens_twice() -> Result<()> {
    let (mut stage, proxy) = open(1, Contact::Short)?;
    let actions = ["start", "apply", "commit", "close"].map(|it| format!("rollout.{it}"));
    for (round, action) in actions.iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        let change = stage.propose(&vnet, tag)?;
        proxy.lose_answer_to(&format!("\"{action}\""));
        stage.cluster.client(&["rollout", "start", "--wait"])?;
        assert_eq!(usize::try_from(proxy.lost())?, round + 1, "{action}");
        let (row, end) = stage.wait_for_end()?;
        assert_eq!(end, End::Commit);
        stage.is_everywhere(&change, End::Commit)?;
        for action in &actions {
            assert_eq!(audited(&mut stage, row.rollout, action)?, 1, "{action}");
        }
    }
    stage.finish()
}

#[test]
fn an_etcd_that_answers_slowly_makes_rollouts_slow_and_nothing_else() -> Result<()> {
    let (stage, proxy) = open(1, Contact::Long)?;
    for milliseconds in [60_u64, 300] {
        proxy.delay(Duration::from_millis(milliseconds));
        let change = stage.propose(
            &format!("slow{milliseconds}"),
            2_000 + u32::try_from(milliseconds)?,
        )?;
        let row = stage.newest()?;
        stage.goes_on(&change)?;
        // The same leader, which never had to begin anew.
        assert_eq!(stage.newest()?.rollout, row.rollout + 1);
    }
    stage.finish()
}

#[test]
fn a_leader_whose_etcd_answers_too_slowly_hands_over_and_nothing_is_decided_twice() -> Result<()> {
    let (mut stage, proxy) = open(2, Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(None)?;
    // Longer than it may go without hearing that its lease was renewed.
    proxy.delay(Duration::from_secs(4));
    // Both are told to decide, the one while it still believes, the other once it leads.
    let _ = stage.cluster.weftctl(&["rollout", "confirm"])?;
    wait::until("the decision", END_LIMIT, || {
        let row = stage.newest_at(1)?;
        if row.decision == "none" {
            let confirm = ["rollout", "confirm"];
            let _ = exec::output(&mut stage.cluster.weftctl_command_at(1, &confirm)?)?;
        }
        ensure!(row.phase == "Closed", "{row:?}");
        Ok(())
    })?;
    let (row, end) = stage.wait_for_end_at(1)?;
    assert_eq!(end, End::Commit);
    proxy.delay(Duration::ZERO);
    late(4_500);
    assert_eq!(stage.newest_at(0)?, row);
    let commits = audited(&mut stage, row.rollout, "rollout.commit")?;
    assert_eq!(commits, 1);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}
