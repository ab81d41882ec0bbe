//! What a device is made of, in words.

use weft_model::plan::link::{Bond, Bridge, Bundle, SwitchPort, Vlan, Vlans, Vxlan};

/// How a bond chooses among its devices.
pub(super) fn bond_parts(bond: &Bond) -> Vec<String> {
    let mut parts = vec![
        format!("mode {}", bond.mode),
        format!("looking at links every {}", bond.miimon),
    ];
    parts.extend(bond.lacp_rate.map(|rate| format!("LACP rate {rate}")));
    let hash = bond.xmit_hash_policy;
    parts.extend(hash.map(|policy| format!("hash policy {policy}")));
    let primary = bond.primary.as_ref();
    parts.extend(primary.map(|name| format!("primary {name}")));
    parts
}

/// What is particular about a bridge.
pub(super) fn bridge_parts(bridge: &Bridge) -> Vec<String> {
    let parts = [
        bridge.vlan_aware.then_some("filters VLANs"),
        bridge.bare_ports.then_some("new ports in no VLAN"),
        bridge.guests.isolated.then_some("guests isolated"),
        (!bridge.guests.learning).then_some("guests not learned"),
        bridge.spanning_tree.then_some("spanning tree"),
    ];
    let words = parts.into_iter().flatten().map(str::to_owned);
    let delay = (bridge.forward_delay > 0)
        .then(|| format!("ports forward after {} s", bridge.forward_delay));
    words.chain(delay).collect()
}

/// Which VLAN of which device it is.
pub(super) fn vlan_part(vlan: &Vlan) -> String {
    format!(
        "VLAN {} of {} by {} tags",
        vlan.id, vlan.parent, vlan.protocol
    )
}

/// Which VLAN of which switch it is.
pub(super) fn switch_part(port: &SwitchPort) -> String {
    let (id, switch) = (port.id, &port.switch);
    match port.tunnel {
        None => format!("VLAN {id} of {switch}"),
        Some(protocol) => format!("VLAN {id} of {switch} by {protocol} tags before guests' own"),
    }
}

/// The VLANs that a port carries.
pub(super) fn vlans(vlans: &Vlans) -> String {
    match (&vlans.tagged, vlans.untagged) {
        (tagged, None) if tagged.is_empty() => "no VLANs".to_owned(),
        (tagged, Some(id)) if tagged.is_empty() => format!("VLAN {id} untagged"),
        (tagged, None) => format!("VLANs {tagged} tagged"),
        (tagged, Some(id)) => format!("VLANs {tagged} tagged and {id} untagged"),
    }
}

/// What a tunnel end point is.
pub(super) fn vxlan_parts(vxlan: &Vxlan) -> Vec<String> {
    let mut parts = vec![
        format!("VNI {}", vxlan.vni),
        format!("local {}", vxlan.local),
        format!("port {}", vxlan.port),
    ];
    if !vxlan.learning {
        parts.push("learning off".to_owned());
    }
    parts.push(peers(vxlan.flood.len()));
    parts
}

/// What a tunnel end point for many networks is.
pub(super) fn bundle_parts(bundle: &Bundle) -> Vec<String> {
    let mut parts = vec![
        format!("local {}", bundle.local),
        format!("port {}", bundle.port),
    ];
    if !bundle.learning {
        parts.push("learning off".to_owned());
    }
    parts
}

/// How many others packets without a known destination go to.
pub(super) fn peers(count: usize) -> String {
    match count {
        0 => "no peers".to_owned(),
        1 => "1 peer".to_owned(),
        more => format!("{more} peers"),
    }
}
