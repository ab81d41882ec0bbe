//! A change that costs a routing session: it is taken back everywhere, unless that is agreed to.

use anyhow::{Context, Result, ensure};
use weft_tests::{needs, wait};

use super::policy::{ROUTER, router};
use super::stage::{LIMIT, Stage};

/// A controller whose neighbor is a router around the first node; `more` follows among the options
/// of its sessions.
fn declared(more: &str) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: up}}\n\
         spec: {{type: bgp, nodes: {{names: [node1]}}, bgp: {{asn: 65001, external: true, \
         peers: [{ROUTER}], sessions: {{bfd: off{more}}}}}}}\n"
    )
}

/// The same with a password that the router does not know, and a vnet on every node.
fn changed() -> String {
    declared(", password: unheard-of")
        + "---\napiVersion: weft/v1\nkind: Zone\nmetadata: {name: plain}\n\
           spec: {type: simple}\n---\n\
           apiVersion: weft/v1\nkind: Vnet\nmetadata: {name: more}\nspec: {zone: plain}\n"
}

fn until_up(stage: &Stage) -> Result<()> {
    wait::until("the session with the router", LIMIT, || {
        let told = stage
            .cluster
            .vtysh(1, "show bgp ipv4 unicast summary json")?;
        let told: serde_json::Value = serde_json::from_str(&told).context("no JSON")?;
        ensure!(told["peers"][ROUTER]["state"] == "Established", "{told}");
        Ok(())
    })?;
    Ok(())
}

/// Which nodes have the vnet of the change.
fn have(stage: &Stage) -> Result<[bool; 2]> {
    let [one, two] = [stage.cluster.host(1)?, stage.cluster.host(2)?];
    Ok([one.has_device("more"), two.has_device("more")])
}

#[test]
fn a_change_that_costs_a_session_is_taken_back_everywhere_unless_that_is_agreed_to() -> Result<()> {
    needs!(Frr);
    let mut stage = Stage::new(2)?;
    let router = router(&mut stage)?;
    stage.cluster.roll_out("up", &declared(""))?;
    until_up(&stage)?;

    let file = stage.cluster.manifest("changed", &changed())?;
    stage
        .cluster
        .client(&["apply", "-f", &file.to_string_lossy()])?;
    let told = stage.cluster.weftctl(&["rollout", "start", "--wait"])?;
    ensure!(told.code != Some(0), "it went well: {told:?}");
    let status = stage.cluster.client(&["rollout", "status"])?;
    let lost = format!(
        "the routing session with {ROUTER} for ipv4Unicast was up before the change and is not up again"
    );
    ensure!(
        status.contains(&format!("node1: {lost}")) && status.contains("--accept sessions"),
        "{status}"
    );
    // The node that lost nothing has given the change back too.
    ensure!(have(&stage)? == [false; 2], "{:?}", have(&stage)?);
    let running = stage.cluster.vtysh(1, "show running-config")?;
    ensure!(!running.contains("password"), "{running}");
    until_up(&stage)?;

    let agreed = ["rollout", "start", "--accept=sessions", "--wait"];
    stage.cluster.client(&agreed)?;
    ensure!(have(&stage)? == [true; 2], "{:?}", have(&stage)?);
    let running = stage.cluster.vtysh(1, "show running-config")?;
    ensure!(running.contains("password unheard-of"), "{running}");
    // Once the other side knows it as well.
    router.vtysh(&[
        "configure terminal",
        "router bgp 65100",
        "neighbor 192.168.0.1 password unheard-of",
    ])?;
    until_up(&stage)?;
    stage.pass();
    Ok(())
}
