//! etcd forgets its past and tidies its disk all the time, while rollouts go on.

use anyhow::Result;
use weft_tests::process::Process;
use weft_tests::{declared, exec};

use crate::stage::{Contact, End, Stage};

/// How many revisions a node misses.
const MISSED: u32 = 50;

/// Forgets the past of etcd every tenth of a second, and tidies its members in turn.
const TIRELESS: &str = "
    turn=0
    while sleep 0.1; do
        now=$(etcdctl --endpoints=$1 endpoint status -w fields | sed -n 's/^\"Revision\" : //p')
        etcdctl --endpoints=$1 compact $now
        turn=$((turn + 1))
        if [ $((turn % 10)) = 0 ]; then
            shift_by=$((turn / 10 % $#))
            eval \"etcdctl --endpoints=\\${$((shift_by + 1))} defrag\"
        fi
    done";

#[test]
fn an_etcd_that_forgets_and_tidies_all_the_time_loses_nothing() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let members = stage.cluster.members().iter();
    let endpoints: Vec<String> = members.map(|member| member.endpoint()).collect();
    let mut command = stage.cluster.control.command("sh");
    command.args(["-c", TIRELESS, "sh"]).args(&endpoints);
    let mut tireless = Process::start(&stage.lab, "tireless", &command)?;
    let mut changes = Vec::new();
    for round in 0..6 {
        // An agent that comes back finds a past that nobody remembers.
        stage.cluster.node(2)?.kill_agent()?;
        stage.cluster.node(2)?.start_agent()?;
        stage.cluster.wait_for_nodes()?;
        let change = stage.propose(&format!("more{round}"), 2_000 + round)?;
        stage.goes_on(&change)?;
        changes.push(change);
    }
    tireless.check_running()?;
    tireless.kill()?;
    // What the controller shows is what etcd has.
    let shown = stage.cluster.client(&["get", "vnets", "-o", "name"])?;
    let stored = stage.cluster.member(1)?;
    let stored = stored.ctl(&["get", "--prefix", "/weft/draft/vnet/", "--keys-only"])?;
    let stored: Vec<&str> = stored
        .lines()
        .filter_map(|key| key.rsplit_once('/'))
        .map(|(_, name)| name)
        .collect();
    let shown: Vec<&str> = shown
        .lines()
        .map(|name| name.rsplit_once('/').map_or(name, |(_, name)| name))
        .collect();
    assert_eq!(shown, stored);
    for change in &changes {
        stage.is_everywhere(change, End::Commit)?;
    }
    stage.finish()
}

#[test]
fn a_node_that_missed_fifty_revisions_and_a_compaction_catches_up_alone() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    stage.cluster.node(3)?.kill_agent()?;
    let file = stage.cluster.manifest("more", "")?;
    let file = file.to_string_lossy();
    for tag in 0..MISSED {
        // Another VNI each time: what the node has missed is not just added up.
        let text = declared::vnet("more", "tunnels", 2_000 + tag);
        stage.cluster.manifest("more", &text)?;
        stage
            .cluster
            .client(&["apply", "-f", &file, "--rollout", "--skip-offline"])?;
        stage.wait_for_end()?;
    }
    let member = stage.cluster.member(1)?;
    let revision = member.revision()?.to_string();
    member.ctl(&["compact", &revision])?;
    let others = stage.cluster.dumps()?;
    assert_eq!(stage.have("more")?, [true, true, false]);
    stage.cluster.node(3)?.start_agent()?;
    stage.wait_until_have("more", &[true; 3])?;
    stage.cluster.wait_for_nodes()?;
    for number in 1..=3 {
        let host = stage.cluster.host(number)?;
        let device = exec::run(
            host.command("ip")
                .args(["-d", "link", "show", "vxlan_more"]),
        )?;
        let wanted = format!(" id {} ", 2_000 + MISSED - 1);
        anyhow::ensure!(device.contains(&wanted), "node{number}: {device}");
    }
    let after = stage.cluster.dumps()?;
    assert_eq!(others[..2], after[..2]);
    stage.finish()
}
