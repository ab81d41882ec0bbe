//! Destroying a device, and what goes with it.

use crate::seen::{Port, Seen, SeenKind, SeenLink};

pub(super) fn destroy(seen: &mut Seen, index: u32) {
    let Some(gone) = seen.link(index) else {
        return;
    };
    let peer = match gone.kind {
        SeenKind::Veth { peer } => peer,
        _ => None,
    };
    let vlans: Vec<u32> = seen
        .links()
        .filter(|link| matches!(link.kind, SeenKind::Vlan(vlan) if vlan.parent == index))
        .map(|link| link.index)
        .collect();
    vlans.into_iter().for_each(|vlan| destroy(seen, vlan));
    let ports: Vec<SeenLink> = seen.ports(index).cloned().collect();
    for mut port in ports {
        port.master = None;
        port.port = Port::default();
        seen.put(port);
    }
    seen.remove(index);
    if let Some(peer) = peer {
        destroy(seen, peer);
    }
}
