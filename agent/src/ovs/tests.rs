//! What the database tells, as it tells it, and what is said to it.

use serde_json::{Value, json};
use weft_model::plan::link::SwitchPort;
use weft_model::revision::ClusterId;
use weft_model::vlan::VlanProtocol;
use weft_node::seen::SeenPlug;
use weft_node::step::{Change, Plug};

use super::rows::Rows;
use super::transaction;

const OURS: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

fn port(name: &str, tag: &Value, options: &Value, marks: &Value) -> Value {
    json!({"new": {
        "name": name, "tag": tag, "trunks": ["set", []], "vlan_mode": ["set", []],
        "other_config": ["map", options], "external_ids": ["map", marks],
    }})
}

/// A bridge with a port of ours, one of nobody and one of ours that someone changed.
fn started() -> Rows {
    let marks = json!([["weft-cluster", OURS]]);
    let mut rows = Rows::default();
    rows.start(&json!({
        "Open_vSwitch": {"r": {"new": {"cur_cfg": 4}}},
        "Bridge": {"b": {"new": {
            "name": "vmbr0", "ports": ["set", [["uuid", "p1"], ["uuid", "p2"], ["uuid", "p3"]]],
        }}},
        "Port": {
            "p1": port("ln_web", &json!(100), &json!([]), &marks),
            "p2": port("theirs", &json!(7), &json!([]), &json!([["vm-id", "x"]])),
            "p3": port("odd", &json!(["set", []]), &json!([]), &marks),
        },
        "Interface": {"i": {"new": {"name": "odd", "error": "could not open it"}}},
    }));
    rows
}

fn plug(port: Option<SwitchPort>) -> SeenPlug {
    SeenPlug {
        switch: "vmbr0".to_owned(),
        port,
        cluster: OURS.to_owned(),
    }
}

fn lane(id: u32, tunnel: Option<VlanProtocol>) -> SwitchPort {
    SwitchPort {
        switch: "vmbr0".parse().unwrap(),
        id: id.try_into().unwrap(),
        tunnel,
    }
}

#[test]
fn only_ports_with_the_mark_of_a_cluster_are_known() {
    let mut rows = started();
    let news = rows.news();
    assert_eq!(
        news.ports,
        [
            ("ln_web".to_owned(), Some(plug(Some(lane(100, None))))),
            ("odd".to_owned(), Some(plug(None))),
        ]
        .into()
    );
    assert_eq!(news.bridges, Some(["vmbr0".to_owned()].into()));
    assert_eq!(rows.error_of("odd"), Some("could not open it"));
    assert_eq!(rows.taken(), 4);
    let none = rows.news();
    assert!(none.ports.is_empty() && none.bridges.is_none());
}

#[test]
fn a_port_that_leaves_its_bridge_or_is_not_ours_any_more_is_told_as_gone() {
    let mut rows = started();
    rows.news();
    // Sets of one are written as that one.
    rows.take(&json!({"Bridge": {"b": {"new": {"name": "vmbr0", "ports": ["uuid", "p2"]}}}}));
    let gone = [("ln_web".to_owned(), None), ("odd".to_owned(), None)];
    assert_eq!(rows.news().ports, gone.into());
    let mut rows = started();
    rows.news();
    let unmarked = port("ln_web", &json!(100), &json!([]), &json!([]));
    rows.take(&json!({"Port": {"p1": unmarked, "p3": {"old": {}}}}));
    let gone = [("ln_web".to_owned(), None), ("odd".to_owned(), None)];
    assert_eq!(rows.news().ports, gone.into());
}

#[test]
fn what_went_while_nobody_listened_is_told_at_the_next_start() {
    let mut rows = started();
    rows.news();
    rows.start(&json!({"Bridge": {"b": {"new": {"name": "vmbr1", "ports": ["set", []]}}}}));
    let news = rows.news();
    let gone = [("ln_web".to_owned(), None), ("odd".to_owned(), None)];
    assert_eq!(news.ports, gone.into());
    assert_eq!(news.bridges, Some(["vmbr1".to_owned()].into()));
}

#[test]
fn a_transaction_touches_ports_by_their_numbers_and_the_rest_not_at_all() {
    let rows = started();
    let new = Change::Plug(Box::new(Plug {
        port: lane(200, Some(VlanProtocol::Dot1ad)),
        cluster: ClusterId::from_bytes([0x0a; 16]),
    }));
    let moved = Change::Retag(lane(300, None));
    let changes = [
        ("ln_app", &new),
        ("ln_web", &moved),
        ("odd", &Change::Unplug),
        ("theirs", &Change::Unplug),
    ];
    let (operations, checks) = transaction::operations(&rows, &changes);
    let marks = json!(["map", [["weft-cluster", OURS]]]);
    let root = json!([["_uuid", "==", ["uuid", "r"]]]);
    assert_eq!(
        operations,
        [
            json!({"op": "comment", "comment": "weft-agent"}),
            json!({"op": "insert", "table": "Interface", "uuid-name": "interface0", "row": {
                "name": "ln_app", "type": "internal", "external_ids": marks,
            }}),
            json!({"op": "insert", "table": "Port", "uuid-name": "port0", "row": {
                "name": "ln_app", "interfaces": ["named-uuid", "interface0"], "tag": 200,
                "trunks": ["set", []], "vlan_mode": "dot1q-tunnel",
                "other_config": ["map", [["qinq-ethtype", "802.1ad"]]], "external_ids": marks,
            }}),
            json!({"op": "update", "table": "Port", "where": [["_uuid", "==", ["uuid", "p1"]]],
            "row": {
                "tag": 300, "trunks": ["set", []], "vlan_mode": ["set", []],
                "other_config": ["map", []],
            }}),
            json!({"op": "mutate", "table": "Bridge", "where": [["_uuid", "==", ["uuid", "b"]]],
                "mutations": [["ports", "delete", ["set", [["uuid", "p3"]]]]]}),
            json!({"op": "mutate", "table": "Bridge", "where": [["name", "==", "vmbr0"]],
                "mutations": [["ports", "insert", ["set", [["named-uuid", "port0"]]]]]}),
            json!({"op": "mutate", "table": "Open_vSwitch", "where": root,
                "mutations": [["next_cfg", "+=", 1]]}),
            json!({"op": "select", "table": "Open_vSwitch", "where": root,
                "columns": ["next_cfg"]}),
        ]
    );
    let answer = |bridges: u32| {
        json!([{}, {}, {}, {"count": 1}, {"count": 1}, {"count": bridges}, {"count": 1},
            {"rows": [{"next_cfg": 5}]}])
    };
    assert_eq!(transaction::outcome(&answer(1), &checks), Ok(5));
    assert_eq!(
        transaction::outcome(&answer(0), &checks),
        Err("there is no bridge vmbr0".to_owned())
    );
    let refused = json!([{}, null, {"error": "constraint violation", "details": "a name twice"}]);
    assert_eq!(
        transaction::outcome(&refused, &checks),
        Err("a name twice".to_owned())
    );
}
