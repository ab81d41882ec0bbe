//! A device as it is made, as it is right after that, and as it is once it was set aside.

use weft_model::mtu::Mtu;
use weft_model::plan::link::{Bond, Bridge, Bundle, Link, LinkKind, Vlan, Vlans, Vxlan};
use weft_model::prefix::Family;
use weft_model::vlan::VlanProtocol;

use crate::own::{self, GROUP, Owner};
use crate::seen::{Ipv6, Port, SeenBond, SeenKind, SeenLink, SeenPlug, SeenVlan, Tunnel};
use crate::step::{Change, Plug};

/// What only one VXLAN device can receive for.
pub(crate) fn tunnel(vxlan: &Vxlan) -> Tunnel {
    Tunnel {
        vni: vxlan.vni.get(),
        port: vxlan.port.get(),
        family: Family::of(vxlan.local),
    }
}

/// What only one device can be, on this one.
pub(crate) fn vlan(vlan: &Vlan, parent: u32) -> SeenVlan {
    SeenVlan {
        parent,
        id: vlan.id.get(),
        protocol: vlan.protocol,
    }
}

/// What a tunnel end point for many networks is once it is made.
pub(crate) fn bundle(bundle: &Bundle) -> SeenKind {
    SeenKind::Bundle {
        port: bundle.port.get(),
        family: Family::of(bundle.local),
        local: Some(bundle.local),
        learning: bundle.learning,
    }
}

/// How the wanted device is made; `other` is the number of the device that a VLAN is one of, or the
/// one that the other end of a pair gets.
pub(crate) fn creation(want: &Link, other: Option<u32>, owner: &Owner) -> Change {
    if let LinkKind::Switched(port) = &want.kind {
        return Change::Plug(Box::new(Plug {
            port: port.clone(),
            cluster: owner.cluster().clone(),
        }));
    }
    let mtu = want.mtu.map(Mtu::get);
    Change::Create {
        kind: want.kind.clone(),
        mac: want.mac.map(|mac| mac.octets()),
        mtu: match want.kind {
            // A bridge keeps its MTU, instead of following its ports, only when the MTU was changed
            // after the bridge was made; so it must not be right from the start.
            LinkKind::Bridge(_) => mtu
                .filter(|mtu| *mtu == Mtu::ETHERNET.get())
                .map(|mtu| mtu - 1),
            LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical => mtu,
        },
        other,
    }
}

/// A bridge's forwarding delay in the kernel's unit.
pub(crate) fn delay(bridge: &Bridge) -> u32 {
    u32::from(bridge.forward_delay) * 100
}

/// A bond as it is made.
pub(crate) fn bond_made(bond: &Bond) -> SeenBond {
    SeenBond {
        mode: bond.mode,
        miimon: bond.miimon.get(),
        lacp_rate: bond.lacp_rate.unwrap_or_default(),
        xmit_hash_policy: Some(bond.xmit_hash_policy.unwrap_or_default()),
        primary: None,
    }
}

/// The device as it is right after it was made by [`creation`].
pub(crate) fn created(
    want: &Link,
    index: u32,
    other: Option<u32>,
    has_ipv6: bool,
    owner: &Owner,
) -> SeenLink {
    let kind = match &want.kind {
        LinkKind::Bridge(bridge) => SeenKind::Bridge {
            spanning_tree: bridge.spanning_tree,
            forward_delay: delay(bridge),
            vlans: bridge.vlan_aware.then_some(VlanProtocol::Dot1q),
            bare_ports: bridge.bare_ports,
        },
        LinkKind::Bundle(it) => bundle(it),
        LinkKind::Vlan(it) => SeenKind::Vlan(vlan(it, other.unwrap_or(0))),
        LinkKind::Veth { .. } => SeenKind::Veth { peer: other },
        LinkKind::Switched(port) => SeenKind::Switched(Box::new(SeenPlug {
            switch: port.switch.as_str().to_owned(),
            port: Some(port.clone()),
            cluster: owner.cluster().as_str().to_owned(),
        })),
        LinkKind::Vxlan(vxlan) => SeenKind::Vxlan {
            tunnel: tunnel(vxlan),
            local: Some(vxlan.local),
            learning: vxlan.learning,
        },
        LinkKind::Bond(bond) => SeenKind::Bond(bond_made(bond)),
        LinkKind::Vrf(vrf) => SeenKind::Vrf { table: vrf.table },
        LinkKind::Dummy => SeenKind::Dummy,
        LinkKind::Physical => SeenKind::Uplink,
    };
    let mut link = SeenLink::new(index, want.name.as_str(), kind);
    // A switch marks its ports in its own way.
    let is_switched = matches!(want.kind, LinkKind::Switched(_));
    link.group = if is_switched { 0 } else { GROUP };
    link.mac = want.mac.map(|mac| mac.octets());
    if matches!(
        want.kind,
        LinkKind::Vxlan(_) | LinkKind::Bundle(_) | LinkKind::Vlan(_) | LinkKind::Dummy
    ) {
        link.mtu = want.mtu.map_or(0, Mtu::get);
    }
    link.ipv6 = has_ipv6.then(Ipv6::default);
    link
}

/// The device as it is after it was set aside and gave up its name.
pub(crate) fn retired(is: &SeenLink) -> SeenLink {
    let mut link = is.clone();
    link.name = own::retired_name(is.index);
    link.group = own::doomed_group(is.index);
    link.up = false;
    link.master = None;
    link.alternative_names.clear();
    link.routes.clear();
    link.static_routes.clear();
    link.addresses.clear();
    link.vlans = Vlans::default();
    link.networks.vlans.clear();
    link.networks.vnis.clear();
    link.port = Port::default();
    link.alias = link.alias.map(|alias| own::without_joined(&alias));
    link
}
