//! What to say when something that is not ours stands where the plan wants a device.

use weft_model::name::LinkName;
use weft_model::plan::Origin;
use weft_model::plan::frr::Frr;
use weft_model::plan::link::{Link, LinkKind, SwitchPort, Vlan};
use weft_model::report::Fault;

use crate::frr::version::Version;
use crate::route::SeenRoute;
use crate::seen::SeenLink;

/// A device that is not ours has the name.
pub(crate) fn name(link: &Link, name: &str, other: &SeenLink) -> Fault {
    let cause = if other.name == name {
        format!(
            "a device of that name is there and is not Weft's (number {})",
            other.index
        )
    } else {
        format!("device {} has {name} as another name", other.name)
    };
    fault(
        link,
        cause,
        format!(
            "rename or remove device {}, or give the vnet another name",
            other.name
        ),
    )
}

/// The bridge that the device is to be a port of is not to be had.
pub(crate) fn no_master(link: &Link, master: &LinkName) -> Fault {
    fault(
        link,
        format!("{master}, which it is to be a port of, is not there"),
        String::new(),
    )
}

/// The device that it is to be a VLAN of is not there.
pub(crate) fn no_parent(link: &Link, vlan: &Vlan) -> Fault {
    fault(
        link,
        format!(
            "device {}, which it is to be a VLAN of, is not there",
            vlan.parent
        ),
        format!(
            "bring {} up on this node, or keep the zone off it",
            vlan.parent
        ),
    )
}

/// The Open vSwitch bridge that it is to be a port of is not there.
pub(crate) fn no_switch(link: &Link, port: &SwitchPort) -> Fault {
    fault(
        link,
        format!("Open vSwitch has no bridge {}", port.switch),
        format!(
            "see that Open vSwitch runs and that ovs-vsctl list-br names {}, or keep the zone off \
             this node",
            port.switch
        ),
    )
}

/// Another device has what only one can have.
pub(crate) fn claim(link: &Link, other: &SeenLink) -> Fault {
    let what = match &link.kind {
        LinkKind::Vxlan(vxlan) => {
            format!("VXLAN network {} on UDP port {}", vxlan.vni, vxlan.port)
        }
        LinkKind::Vlan(vlan) => format!("VLAN {} of {}", vlan.id, vlan.parent),
        LinkKind::Vrf(vrf) => {
            return fault(
                link,
                format!(
                    "device {} has routing table {} already",
                    other.name, vrf.table
                ),
                format!(
                    "remove device {}, or give the zone another L3 VNI, of which the table's number \
                     is made",
                    other.name
                ),
            );
        }
        LinkKind::Bridge(_)
        | LinkKind::Bundle(_)
        | LinkKind::Veth { .. }
        | LinkKind::Switched(_)
        | LinkKind::Bond(_)
        | LinkKind::Dummy
        | LinkKind::Physical => "that".to_owned(),
    };
    fault(
        link,
        format!("device {} has {what} already", other.name),
        format!("remove device {}, or use another tag", other.name),
    )
}

/// Another device receives on the port in a way that the kernel does not mix.
pub(crate) fn port(link: &Link, other: &SeenLink) -> Fault {
    let port = match &link.kind {
        LinkKind::Vxlan(vxlan) => vxlan.port.to_string(),
        LinkKind::Bundle(bundle) => bundle.port.to_string(),
        LinkKind::Vlan(_)
        | LinkKind::Bridge(_)
        | LinkKind::Veth { .. }
        | LinkKind::Switched(_)
        | LinkKind::Bond(_)
        | LinkKind::Vrf(_)
        | LinkKind::Dummy
        | LinkKind::Physical => "its".to_owned(),
    };
    fault(
        link,
        format!(
            "device {} uses UDP port {port} and is of the other kind: one for many networks, or one \
             for one",
            other.name
        ),
        format!(
            "remove device {}, or give the zone another port",
            other.name
        ),
    )
}

/// Another device receives for the network.
pub(crate) fn network(origin: &Origin, vni: u32, other: &SeenLink) -> Fault {
    Fault {
        origin: Some(origin.clone()),
        attempt: format!("cannot receive for VXLAN network {vni}"),
        cause: format!("device {} does already", other.name),
        advice: format!("remove it from device {}, or use another tag", other.name),
    }
}

/// The plan configures a device that the host does not have.
pub(crate) fn absent(link: &Link) -> Fault {
    let name = &link.name;
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!("cannot configure device {name}"),
        cause: "the host has no such device".to_owned(),
        advice: format!(
            "name the device as this host does, or keep {} off it",
            link.origin
        ),
    }
}

/// A device of the host has the name and is something else.
pub(crate) fn misfit(link: &Link, other: &SeenLink) -> Fault {
    let name = &other.name;
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!(
            "cannot take over device {name} as type {}",
            link.kind.as_str()
        ),
        cause: format!(
            "it is something else, and not Weft's (number {})",
            other.index
        ),
        advice: format!("remove device {name} first, or declare it as what it is"),
    }
}

/// A bond gets another mode only without its devices, and one of them is not ours to take out.
pub(crate) fn bystander(link: &Link, member: &SeenLink) -> Fault {
    let name = &member.name;
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!("cannot change the mode of bond {}", link.name),
        cause: format!("{name} must leave it meanwhile, and no host network declares it"),
        advice: format!("declare {name} as a member too, or take it out of the bond"),
    }
}

/// Somebody has another route in the place of a wanted one.
pub(crate) fn route(link: &Link, route: &SeenRoute, other: &SeenLink) -> Fault {
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!("cannot add route {route} by device {}", link.name),
        cause: format!("there is another to {} by device {}", route.to, other.name),
        advice: format!(
            "declare device {} too, remove its route, or choose another metric",
            other.name
        ),
    }
}

/// A guest is plugged into a bridge that would have to go.
pub(crate) fn guest(origin: &Origin, bridge: &SeenLink, port: &SeenLink) -> Fault {
    Fault {
        origin: Some(origin.clone()),
        attempt: format!(
            "cannot take {} {} away",
            if bridge.is_vrf() {
                "routing domain"
            } else {
                "bridge"
            },
            bridge.name
        ),
        cause: format!("{} is plugged into it", port.name),
        advice: "unplug the guests first".to_owned(),
    }
}

fn fault(link: &Link, cause: String, advice: String) -> Fault {
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!(
            "cannot make device {} of type {}",
            link.name,
            link.kind.as_str()
        ),
        cause,
        advice,
    }
}

/// FRR is asked for, and is older than any that it is known of what it takes.
pub(crate) fn old_frr(frr: &Frr, version: Version) -> Fault {
    Fault {
        origin: Some(frr.origin.clone()),
        attempt: "cannot configure FRR".to_owned(),
        cause: format!("it is version {version}"),
        advice: format!("use FRR {} or newer", Version::OLDEST),
    }
}

/// Tunnels of IPv6 are to be told by an FRR that knows only those of IPv4.
pub(crate) fn no_ipv6_tunnels(link: &Link, version: Version) -> Fault {
    untold(
        link,
        format!("its address is of IPv6, which FRR {version} does not know for tunnels"),
        format!(
            "use FRR {} or newer, or give the node an IPv4 address on a loopback device for its \
             tunnels and announce that by IPv6 (a bgp controller with sessions.source)",
            Version::IPV6_TUNNELS
        ),
    )
}

/// Networks of one tunnel device are to be told by an FRR that knows one network of a device.
pub(crate) fn no_bundles(link: &Link, version: Version) -> Fault {
    untold(
        link,
        format!("it has several networks, and FRR {version} knows one of a device"),
        format!(
            "use FRR {} or newer, or take `layout: bundle` out of the zone",
            Version::BUNDLES
        ),
    )
}

fn untold(link: &Link, cause: String, advice: String) -> Fault {
    Fault {
        origin: Some(link.origin.clone()),
        attempt: format!(
            "cannot have BGP tell who is behind tunnel device {}",
            link.name
        ),
        cause,
        advice,
    }
}

/// FRR is asked for and not there.
pub(crate) fn no_frr(frr: &Frr) -> Fault {
    Fault {
        origin: Some(frr.origin.clone()),
        attempt: "cannot configure FRR".to_owned(),
        cause: "it is not running, or the agent may not speak to it".to_owned(),
        advice: "install FRR, start it, and let the agent be in the group frrvty".to_owned(),
    }
}
