//! What is told of routing sessions: as they are, and when one is lost and comes back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use weft_tests::{exec, needs, wait};

use super::stage::{LIMIT, Stage, controller};

/// After what silence sessions that BFD watches are lost without it.
const HOLD: Duration = Duration::from_secs(180);

fn asked(stage: &Stage, words: &[&str]) -> Result<Value> {
    let told = stage.cluster.client(words)?;
    serde_json::from_str(&told).with_context(|| format!("no JSON: {told}"))
}

/// Waits until what a program is told of a node is so.
fn node(stage: &Stage, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    wait::until(&format!("{name} to tell {what}"), LIMIT, || {
        let told = asked(stage, &["nodes", name, "-o", "json"])?;
        ensure!(is_so(&told), "{told:#}");
        Ok(())
    })?;
    Ok(())
}

/// Waits until the controller says so of the sessions that it stands for: the status, and parts of
/// the message.
fn condition(stage: &Stage, status: &str, parts: &[&str]) -> Result<()> {
    wait::until(&format!("the condition to be {status}"), LIMIT, || {
        let told = asked(stage, &["get", "controller", "ctl", "-o", "json"])?;
        let all = told["status"]["conditions"].as_array();
        let it = all.into_iter().flatten();
        let mut it = it.filter(|it| it["type"] == "SessionsUp");
        let it = it.next().with_context(|| format!("none in {told:#}"))?;
        let message = it["message"].as_str().unwrap_or_default();
        let is_so = it["status"] == status && parts.iter().all(|part| message.contains(part));
        ensure!(is_so, "{it:#}");
        Ok(())
    })?;
    Ok(())
}

fn event(told: &Value, reason: &str, part: &str) -> bool {
    let events = told["events"].as_array().into_iter().flatten();
    let is_it = |it: &Value| {
        let message = it["message"].as_str().unwrap_or_default();
        it["reason"] == reason && message.contains(part)
    };
    events.into_iter().any(is_it)
}

#[test]
fn a_session_that_is_lost_is_shown_and_told_of_and_so_is_its_return() -> Result<()> {
    needs!(Frr);
    let mut stage = Stage::new(2)?;
    stage.cluster.roll_out("ctl", &controller(2))?;
    for (name, far) in [("node1", "192.168.0.2"), ("node2", "192.168.0.1")] {
        node(&stage, name, "a session that is up", |told| {
            let session = &told["routing"]["sessions"][0];
            let what = (&session["vrf"], &session["family"], &session["peer"]);
            what == (&"default".into(), &"l2VpnEvpn".into(), &far.into())
                && session["state"] == "Established"
                && told["sessions"] == serde_json::json!({ "up": 1, "total": 1 })
        })?;
    }
    condition(&stage, "True", &["2 of 2 are up"])?;
    let page = stage.cluster.client(&["nodes", "node1"])?;
    ensure!(page.contains("Sessions:   1/1 up"), "{page}");
    ensure!(page.contains("192.168.0.2  Established"), "{page}");

    stage.cluster.node(2)?.frr()?.kill("bgpd")?;
    node(&stage, "node1", "a session that is lost", |told| {
        told["sessions"] == serde_json::json!({ "up": 0, "total": 1 })
            && event(
                told,
                "SessionLost",
                "session with 192.168.0.2 for l2VpnEvpn is lost: ",
            )
    })?;
    node(&stage, "node2", "that bgpd is silent", |told| {
        told["routing"]["answers"] == false && event(told, "SessionLost", "bgpd does not answer")
    })?;
    let parts = ["node1: 192.168.0.2 (", "node2: bgpd does not answer"];
    condition(&stage, "False", &parts)?;

    stage.cluster.node(2)?.frr()?.start_one("bgpd")?;
    for (name, far) in [("node1", "192.168.0.2"), ("node2", "192.168.0.1")] {
        node(&stage, name, "a session that is up again", |told| {
            let back = format!("session with {far} for l2VpnEvpn is up");
            told["sessions"] == serde_json::json!({ "up": 1, "total": 1 })
                && event(told, "SessionUp", &back)
        })?;
    }
    condition(&stage, "True", &["2 of 2 are up"])?;
    stage.pass();
    Ok(())
}

/// Sessions that are kept for three minutes where nothing is heard: whoever notices earlier that a
/// way is closed is BFD. Its times are the administrator's own, as are those of an emulated kernel.
fn watched() -> String {
    let peers = "peers: [192.168.0.1, 192.168.0.2]";
    format!(
        "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65000, {peers}, \
         sessions: {{bfd: way, timers: {{keepalive: 60, hold: {}}}}}}}}}\n---\n\
         apiVersion: weft/v1\nkind: FrrSnippet\nmetadata: {{name: way}}\n\
         spec:\n  text: |\n    bfd\n     profile way\n      detect-multiplier 3\n      \
         transmit-interval 500\n      receive-interval 500\n",
        HOLD.as_secs()
    )
}

#[test]
fn a_way_that_is_closed_while_all_links_are_up_is_noticed_by_bfd_and_told_of() -> Result<()> {
    needs!(Frr);
    let stage = Stage::new(2)?;
    stage.cluster.roll_out("ctl", &watched())?;
    stage.until_up(1, 1)?;
    node(&stage, "node1", "a way that BFD finds open", |told| {
        let ways = told["routing"]["ways"].as_array().into_iter().flatten();
        let mut ways = ways.filter(|way| way["peer"] == "192.168.0.2");
        ways.any(|way| way["up"] == true)
    })?;

    // The cables stay; packets between the two do not arrive any more.
    let second = stage.cluster.host(2)?;
    let script = "nft add table ip closed && \
                  nft 'add chain ip closed in { type filter hook input priority -300; }' && \
                  nft add rule ip closed in ip saddr 192.168.0.1 drop";
    exec::run(second.command("sh").args(["-c", script]))?;
    let (_, after) = wait::until("the session to be lost", LIMIT, || {
        let up = stage.sessions(1)?;
        ensure!(up.is_empty(), "up: {up:?}");
        Ok(())
    })?;
    println!("BFD found the way closed after {} ms", after.as_millis());
    ensure!(after < HOLD, "{after:?}: not by BFD");
    node(&stage, "node1", "a session that BFD ended", |told| {
        event(told, "SessionLost", "BFD") && told["sessions"]["up"] == 0
    })?;
    condition(&stage, "False", &["node1: 192.168.0.2 ("])?;

    exec::run(
        second
            .command("nft")
            .args(["delete", "table", "ip", "closed"]),
    )?;
    stage.until_up(1, 1)?;
    condition(&stage, "True", &["2 of 2 are up"])?;
    stage.pass();
    Ok(())
}
