//! Fabrics that contradict themselves are refused, and what is given decides every address.

use super::*;

fn read(json: &str) -> Result<FabricSpec, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn a_fabric_is_written_as_it_is_read() {
    for json in [
        r#"{"type":"openfabric","prefix":"10.255.0.0/24","prefix6":"fd00:ff::/64","nodes":[{"name":"n1","ip":"10.255.0.1","ip6":"fd00:ff::1","interfaces":[{"name":"eth1"},{"name":"eth2"}]},{"name":"n2","index":2}],"openfabric":{"helloInterval":1,"helloMultiplier":3,"csnpInterval":10}}"#,
        r#"{"type":"ospf","prefix":"10.255.0.0/24","nodes":[{"name":"n1","index":1,"interfaces":[{"name":"eth1","network":"broadcast"}]}],"ospf":{"area":"0.0.0.1","helloInterval":1,"deadInterval":3}}"#,
        r#"{"type":"bgp","prefix":"10.255.0.0/24","nodes":[{"name":"n1","index":1,"asn":65101,"interfaces":[{"name":"eth1"}]}],"bgp":{"bfd":true}}"#,
        r#"{"type":"bgp","prefix6":"fd00:ff::/64","nodes":[]}"#,
    ] {
        let spec = read(json).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
    }
}

#[test]
fn an_address_that_is_not_given_is_the_one_with_the_nodes_number() {
    let spec = read(
        r#"{"type":"openfabric","prefix":"10.255.0.0/30","prefix6":"fd00:ff::/64","nodes":[{"name":"a","index":3},{"name":"b","index":2,"ip":"10.255.0.1"},{"name":"c","index":4},{"name":"d"}]}"#,
    )
    .unwrap();
    let addresses = |name: &str| -> Vec<String> {
        let node = &spec.nodes[&name.parse::<NodeName>().unwrap()];
        let addresses = spec.addresses(node);
        addresses.iter().map(ToString::to_string).collect()
    };
    assert_eq!(addresses("a"), ["10.255.0.3", "fd00:ff::3"]);
    assert_eq!(addresses("b"), ["10.255.0.1", "fd00:ff::2"]);
    // The network has no fourth address.
    assert_eq!(addresses("c"), ["fd00:ff::4"]);
    assert_eq!(addresses("d"), Vec::<String>::new());
}

#[test]
fn an_area_is_a_number_or_an_address() {
    assert_eq!("7".parse::<Area>().unwrap().to_string(), "0.0.0.7");
    assert_eq!("0.0.1.0".parse::<Area>().unwrap().to_string(), "0.0.1.0");
    for text in ["", "+1", "4294967296", "0.0.0", "a"] {
        assert!(text.parse::<Area>().is_err(), "{text:?}");
    }
}

#[test]
fn a_fabric_that_contradicts_itself_is_refused() {
    for (json, part) in [
        (
            r#"{"type":"rip","prefix":"10.0.0.0/8","nodes":[]}"#,
            "use openfabric, ospf or bgp",
        ),
        (
            r#"{"type":"ospf","prefix":"10.0.0.0/8","nodes":[]}"#,
            "say the area",
        ),
        (
            r#"{"type":"bgp","prefix":"10.0.0.0/8","nodes":[],"ospf":{"area":"0"}}"#,
            "for fabrics of type ospf, and this one is bgp",
        ),
        (r#"{"type":"bgp","nodes":[]}"#, "give the network"),
        (
            r#"{"type":"bgp","prefix":"fd00::/8","nodes":[]}"#,
            "prefix: fd00::/8 is not IPv4",
        ),
        (
            r#"{"type":"bgp","prefix6":"10.0.0.0/8","nodes":[]}"#,
            "prefix6: 10.0.0.0/8 is not IPv6",
        ),
        (
            r#"{"type":"ospf","prefix":"10.0.0.0/8","prefix6":"fd00::/8","nodes":[],"ospf":{"area":"0"}}"#,
            "OSPF carries IPv4 only",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[{"name":"n1"},{"name":"n1"}]}"#,
            "nodes: n1 is there twice",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[{"name":"n1","interfaces":[{"name":"e"},{"name":"e"}]}]}"#,
            "nodes: e is there twice",
        ),
        (
            r#"{"type":"bgp","prefix":"10.0.0.0/8","nodes":[{"name":"n1"}]}"#,
            "node n1 needs an AS number",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[{"name":"n1","asn":1}]}"#,
            "only fabrics of type bgp",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[{"name":"n1","interfaces":[{"name":"e","network":"broadcast"}]}]}"#,
            "only fabrics of type ospf",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[],"openfabric":{"helloInterval":601}}"#,
            "use 1 to 600 seconds",
        ),
        (
            r#"{"type":"openfabric","prefix":"10.0.0.0/8","nodes":[],"openfabric":{"helloMultiplier":1}}"#,
            "use 2 to 100",
        ),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(part), "{json}: {error}");
    }
}
