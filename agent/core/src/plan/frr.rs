//! What FRR has to be told, as steps.

use weft_model::plan::NodePlan;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::report::Fault;

use crate::clash;
use crate::frr::difference::difference;
use crate::frr::version::Version;
use crate::frr::want::Want;
use crate::seen::Seen;
use crate::step::Step;

/// What FRR has to be told; nothing where something of it cannot be had.
pub(super) fn told(want: &NodePlan, seen: &Seen) -> (Vec<Step>, Vec<Fault>) {
    let Some(has) = &seen.frr else {
        return (
            Vec::new(),
            want.stanzas()
                .next()
                .map(clash::no_frr)
                .into_iter()
                .collect(),
        );
    };
    if has.version < Version::OLDEST
        && let Some(first) = want.stanzas().next()
    {
        return (Vec::new(), vec![clash::old_frr(first, has.version)]);
    }
    let mut lacking = TUNNELS.iter().filter(|it| has.version < it.since);
    let fault = lacking.find_map(|tunnels| {
        let link = want.links().find(|link| (tunnels.are_of)(link))?;
        Some((tunnels.fault)(link, has.version))
    });
    if let Some(fault) = fault {
        return (Vec::new(), vec![fault]);
    }
    let wanted = Want::new(want, has.version);
    let found = difference(&wanted, has);
    if !found.clashes.is_empty() || found.sayings.is_empty() {
        return (Vec::new(), found.clashes);
    }
    let said = found
        .sayings
        .into_iter()
        .map(|saying| Step::Frr(Box::new(saying)));
    let kept = Step::FrrKept(Box::new(found.written));
    (said.chain([kept]).collect(), Vec::new())
}

/// Tunnel devices that not every FRR can tell of.
struct Tunnels {
    since: Version,
    are_of: fn(&Link) -> bool,
    fault: fn(&Link, Version) -> Fault,
}

const TUNNELS: [Tunnels; 2] = [
    Tunnels {
        since: Version::IPV6_TUNNELS,
        are_of: is_told_over_ipv6,
        fault: clash::no_ipv6_tunnels,
    },
    Tunnels {
        since: Version::BUNDLES,
        are_of: is_told_bundle,
        fault: clash::no_bundles,
    },
];

fn is_told_over_ipv6(link: &Link) -> bool {
    match &link.kind {
        LinkKind::Vxlan(vxlan) => vxlan.told_by_bgp && vxlan.local.is_ipv6(),
        LinkKind::Bundle(bundle) => bundle.told_by_bgp && bundle.local.is_ipv6(),
        _ => false,
    }
}

fn is_told_bundle(link: &Link) -> bool {
    matches!(&link.kind, LinkKind::Bundle(bundle) if bundle.told_by_bgp)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;
    use weft_model::plan::Entry;

    use super::*;
    use crate::frr::difference::SeenFrr;
    use crate::frr::step::Written;

    fn causes(plan: &NodePlan, version: Option<&str>) -> Vec<String> {
        let frr = |version: &str| SeenFrr {
            version: version.parse().unwrap(),
            running: BTreeMap::new(),
            written: Written::default(),
            silent: BTreeMap::new(),
        };
        let mut seen = Seen::default();
        seen.frr = version.map(|version| Arc::new(frr(version)));
        let (steps, faults) = told(plan, &seen);
        assert_eq!(steps, []);
        let told = faults.into_iter();
        told.map(|fault| format!("{}: {}", fault.attempt, fault.cause))
            .collect()
    }

    #[test]
    fn a_plan_that_needs_frr_is_refused_without_it_and_with_one_that_is_too_old() {
        let stanza = json!({ "origin": { "zone": "prod" }, "stanza": {
            "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } } });
        let entry = Entry::Frr(serde_json::from_value(stanza).unwrap());
        let plan = NodePlan::from_iter([entry]);
        assert_eq!(
            causes(&plan, None),
            ["cannot configure FRR: it is not running, or the agent may not speak to it"]
        );
        assert_eq!(
            causes(&plan, Some("7.5.1")),
            ["cannot configure FRR: it is version 7.5"]
        );
        assert_eq!(
            causes(&plan, Some("8.4.4")),
            ["cannot configure FRR's bgpd: it is not running"]
        );
        assert_eq!(causes(&NodePlan::default(), None), [""; 0]);
    }

    #[test]
    fn tunnels_of_ipv6_are_refused_where_frr_knows_none() {
        let stanza = json!({ "origin": { "zone": "prod" }, "stanza": {
            "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } } });
        let link = json!({ "name": "vx", "origin": { "zone": "prod" }, "kind": { "vxlan": {
            "vni": 7, "local": "fd00::1", "port": 4789, "learning": false, "flood": [],
            "toldByBgp": true } } });
        let plan = NodePlan::from_iter([
            Entry::Frr(serde_json::from_value(stanza).unwrap()),
            Entry::Link(serde_json::from_value(link).unwrap()),
        ]);
        assert_eq!(
            causes(&plan, Some("10.5.4")),
            [
                "cannot have BGP tell who is behind tunnel device vx: its address is of IPv6, which FRR \
              10.5 does not know for tunnels"
            ]
        );
        assert_eq!(
            causes(&plan, Some("10.6.0")),
            ["cannot configure FRR's bgpd: it is not running"]
        );
    }

    #[test]
    fn a_bundle_is_refused_where_frr_knows_one_network_of_a_device() {
        let stanza = json!({ "origin": { "zone": "prod" }, "stanza": {
            "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } } });
        let link = json!({ "name": "vx_prod", "origin": { "zone": "prod" }, "kind": { "bundle": {
            "local": "192.0.2.1", "port": 4789, "learning": false, "toldByBgp": true } } });
        let plan = NodePlan::from_iter([
            Entry::Frr(serde_json::from_value(stanza).unwrap()),
            Entry::Link(serde_json::from_value(link).unwrap()),
        ]);
        assert_eq!(
            causes(&plan, Some("8.5.7")),
            [
                "cannot have BGP tell who is behind tunnel device vx_prod: it has several networks, and \
              FRR 8.5 knows one of a device"
            ]
        );
        assert_eq!(
            causes(&plan, Some("9.0")),
            ["cannot configure FRR's bgpd: it is not running"]
        );
    }
}
