//! The networks of a tunnel end point that has many, as strictly as a kernel keeps them.

use weft_model::plan::link::Vlans;
use weft_model::prefix::Family;

use super::{Refused, add_vlans, remove_vlans};
use crate::seen::{Claim, Seen, SeenKind, SeenLink};
use crate::step::Change;

/// Makes a change to them.
pub(super) fn change(seen: &mut Seen, link: &SeenLink, change: &Change) -> Result<(), Refused> {
    let SeenKind::Bundle { port, family, .. } = link.kind else {
        return Err(Refused::Invalid);
    };
    let networks = &link.networks;
    match change {
        Change::AddNetworks(vnis) => {
            let others = seen
                .holding(Claim::Port(port))
                .filter(|other| other.index != link.index)
                .filter(|other| matches!(other.kind, SeenKind::Bundle { family: its, .. } if its == family));
            for other in others {
                if !other.networks.vnis.is_disjoint(vnis) {
                    return Err(Refused::Exists);
                }
            }
            seen.set_networks(link.index, |networks| networks.vnis.extend(vnis));
        }
        Change::RemoveNetworks(vnis) => {
            if !vnis.is_subset(&networks.vnis) {
                return Err(Refused::NotFound);
            }
            seen.set_networks(link.index, |networks| {
                networks.vnis.retain(|vni| !vnis.contains(vni));
            });
        }
        Change::AddPeer(vni, peer) => {
            if Family::of(*peer) != family {
                return Err(Refused::Invalid);
            }
            if networks
                .flood
                .get(vni)
                .is_some_and(|list| list.contains(peer))
            {
                return Err(Refused::Exists);
            }
            seen.set_networks(link.index, |networks| {
                networks.flood.entry(*vni).or_default().insert(*peer);
            });
        }
        Change::RemovePeer(vni, peer) => {
            if networks
                .flood
                .get(vni)
                .is_none_or(|list| !list.contains(peer))
            {
                return Err(Refused::NotFound);
            }
            seen.set_networks(link.index, |networks| {
                networks.flood.entry(*vni).or_default().remove(peer);
            });
        }
        Change::MapVlans(vlans) => {
            if link.master.is_none() || !link.port.tunnel {
                return Err(Refused::Invalid);
            }
            let is_there = |(id, vni): (&_, &u32)| {
                let id: u16 = weft_model::vlan::VlanId::get(*id);
                networks.vlans.contains_key(&id) || networks.vlans.values().any(|it| it == vni)
            };
            if vlans.iter().any(is_there) {
                return Err(Refused::Exists);
            }
            let carried = Vlans {
                tagged: vlans.keys().copied().collect(),
                untagged: None,
            };
            add_vlans(seen, link, &carried);
            seen.set_networks(link.index, |networks| {
                let mapped = vlans.iter().map(|(id, vni)| (id.get(), *vni));
                networks.vlans.extend(mapped);
            });
        }
        _ => return Err(Refused::Invalid),
    }
    Ok(())
}

/// Whether a device that is up receives on the port of this one, the other way.
pub(super) fn is_port_taken(seen: &Seen, link: &SeenLink) -> bool {
    match link.kind {
        SeenKind::Bundle { port, .. } => seen.links().any(|other| {
            let receives =
                matches!(other.kind, SeenKind::Vxlan { tunnel, .. } if tunnel.port == port);
            other.up && receives
        }),
        SeenKind::Vxlan { tunnel, .. } => {
            let mut others = seen.holding(Claim::Port(tunnel.port));
            others.any(|other| other.up)
        }
        _ => false,
    }
}

/// Whether new ports of a bridge take part in no VLAN.
pub(super) fn has_bare_ports(seen: &Seen, bridge: u32) -> bool {
    let bridge = seen.link(bridge).map(|bridge| &bridge.kind);
    matches!(
        bridge,
        Some(SeenKind::Bridge {
            bare_ports: true,
            ..
        })
    )
}

/// Takes VLAN 1 from every port that has it as new ports have, or gives it to those that have none.
pub(super) fn turn_bare(seen: &mut Seen, bridge: u32, bare: bool) {
    let new = Vlans::of_a_new_port();
    let ports: Vec<SeenLink> = seen.ports(bridge).cloned().collect();
    let itself = seen.link(bridge).cloned();
    for port in ports.iter().chain(&itself) {
        let is_as_new = port.vlans.untagged == new.untagged;
        if bare && is_as_new {
            remove_vlans(seen, port, &new.untagged.into_iter().collect());
        } else if !bare && port.vlans.untagged.is_none() {
            add_vlans(seen, port, &new);
        }
    }
}
