//! What nodes take in and tell, as route maps and prefix lists say it, and the administrator's own
//! lines.

use anyhow::{Context, Result, ensure};
use weft_tests::frr::Frr;
use weft_tests::{needs, wait};

use super::stage::{LIMIT, Stage};

/// The router's address towards nodes.
pub const ROUTER: &str = "192.168.0.254";

/// A router around the nodes, with all that its own administrator says to it.
pub fn router(stage: &mut Stage) -> Result<Frr> {
    let lab = stage.lab().clone();
    let host = stage.cluster.switch.host(&lab, "router", ROUTER)?;
    let frr = Frr::start(&lab, &host, &["bgpd", "staticd"])?;
    let mut lines = vec![
        "configure terminal".to_owned(),
        "ip route 10.20.0.0/16 Null0".to_owned(),
        "ip route 10.30.0.0/16 Null0".to_owned(),
        "router bgp 65100".to_owned(),
        "no bgp ebgp-requires-policy".to_owned(),
    ];
    lines.extend((1..=2).map(|node| format!("neighbor 192.168.0.{node} remote-as 65001")));
    lines.push("address-family ipv4 unicast".to_owned());
    lines.push("redistribute static".to_owned());
    let words: Vec<&str> = lines.iter().map(String::as_str).collect();
    frr.vtysh(&words)?;
    Ok(frr)
}

fn declared(preference: &str, more: &str) -> String {
    format!(
        "apiVersion: weft/v1\nkind: PrefixList\nmetadata: {{name: unwanted}}\n\
         spec: {{rules: [{{action: permit, prefix: 10.20.0.0/16, le: 32}}]}}\n---\n\
         apiVersion: weft/v1\nkind: RouteMap\nmetadata: {{name: IN}}\n\
         spec: {{rules: [{{action: deny, match: {{prefixList: unwanted}}}}, \
         {{action: permit, match: {{asPath: \"^65100$\"}}, set: {{localPreference: {preference}, \
         communities: [\"65001:7\", no-export], additive: true}}}}]}}\n---\n\
         apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: up}}\n\
         spec: {{type: bgp, nodes: {{names: [node1]}}, bgp: {{asn: 65001, external: true, \
         peers: [{ROUTER}], sessions: {{bfd: \"off\", routeMapIn: IN}}}}}}\n---\n\
         apiVersion: weft/v1\nkind: FrrSnippet\nmetadata: {{name: own}}\n\
         spec:\n  nodes: {{names: [node1]}}\n  text: |\n    ip route 10.77.0.0/16 Null0\n    \
         router bgp 65001\n     address-family ipv4 unicast\n      network 10.77.0.0/16\n{more}"
    )
}

/// The route of a node to a network, as BGP has it.
fn route(stage: &Stage, node: usize, network: &str) -> Result<serde_json::Value> {
    let told = stage
        .cluster
        .vtysh(node, &format!("show bgp ipv4 unicast {network} json"))?;
    serde_json::from_str(&told).context("no JSON")
}

fn came_up(frr: &Frr) -> Result<u64> {
    let told = frr.vtysh(&["show bgp ipv4 unicast summary json"])?;
    let told: serde_json::Value = serde_json::from_str(&told).context("no JSON")?;
    let peer = &told["peers"]["192.168.0.1"];
    ensure!(peer["state"] == "Established", "{peer}");
    peer["connectionsEstablished"].as_u64().context("no count")
}

#[test]
fn route_maps_and_own_lines_come_to_the_nodes_that_need_them_and_change_in_place() -> Result<()> {
    needs!(Frr);
    let mut stage = Stage::new(2)?;
    let router = router(&mut stage)?;
    stage.cluster.roll_out("policy", &declared("\"250\"", ""))?;
    let taken = |preference: u64| {
        wait::until("the route by the router", LIMIT, || {
            let told = route(&stage, 1, "10.30.0.0/16")?;
            let path = &told["paths"][0];
            ensure!(path["locPrf"] == preference, "{told}");
            ensure!(path["community"]["string"] == "65001:7 no-export", "{told}");
            Ok(())
        })
    };
    taken(250)?;
    let unwanted = route(&stage, 1, "10.20.0.0/16")?;
    ensure!(unwanted["paths"].is_null(), "{unwanted}");
    wait::until("the snippet's network at the router", LIMIT, || {
        let told = router.vtysh(&["show bgp ipv4 unicast 10.77.0.0/16 json"])?;
        ensure!(told.contains("192.168.0.1"), "{told}");
        Ok(())
    })?;
    // A node whose controllers name none has none.
    let other = stage.cluster.vtysh(2, "show running-config")?;
    ensure!(
        !other.contains("unwanted") && !other.contains("10.77"),
        "{other}"
    );

    // Another number, another line: no session begins anew for it.
    let before = came_up(&router)?;
    let more = "      network 10.78.0.0/16\n    ip route 10.78.0.0/16 Null0\n";
    stage
        .cluster
        .roll_out("policy", &declared("\"150\"", more))?;
    taken(150)?;
    wait::until("the second network at the router", LIMIT, || {
        let told = router.vtysh(&["show bgp ipv4 unicast 10.78.0.0/16 json"])?;
        ensure!(told.contains("192.168.0.1"), "{told}");
        Ok(())
    })?;
    ensure!(came_up(&router)? == before, "the session began anew");

    // A second look finds nothing to do.
    let told = stage.cluster.weftctl(&["rollout", "start", "--wait"])?;
    ensure!(told.stderr.contains("nothing to roll out"), "{told:?}");
    stage.pass();
    Ok(())
}
