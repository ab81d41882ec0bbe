//! What our bridges do with the ports that others plug in.
//!
//! # Never
//! Unplugs a port, or changes on it what nobody asked us for: where a vnet wants nothing special, a
//! port stays as whoever plugged it made it. What we did ourselves stands in the bridge's alias, so
//! that it can be taken back, also by a later agent, and nothing else is.

use weft_model::plan::Origin;
use weft_model::plan::link::{Bridge, LinkKind, Vlans};
use weft_model::vlan::{VlanId, VlanSet};

use crate::own::Marks;
use crate::seen::SeenLink;
use crate::step::{GuestChange, Step};

/// What stands in the alias of a device of this kind.
pub(crate) fn marks(kind: &LinkKind) -> Marks {
    match kind {
        LinkKind::Bridge(bridge) => Marks {
            isolated: bridge.guests.isolated,
            unlearned: !bridge.guests.learning,
            ..Marks::default()
        },
        LinkKind::Vxlan(vxlan) => Marks {
            told: vxlan.told_by_bgp,
            ..Marks::default()
        },
        LinkKind::Bundle(bundle) => Marks {
            told: bundle.told_by_bgp,
            ..Marks::default()
        },
        LinkKind::Vrf(_)
        | LinkKind::Vlan(_)
        | LinkKind::Veth { .. }
        | LinkKind::Switched(_)
        | LinkKind::Bond(_)
        | LinkKind::Dummy
        | LinkKind::Physical => Marks::default(),
    }
}

/// Takes back what the bridge no longer wants of its guests' ports.
pub(crate) fn release(
    want: &Bridge,
    before: Marks,
    origin: &Origin,
    port: &SeenLink,
) -> Option<Step> {
    let isolated = before.isolated && !want.guests.isolated && port.port.isolated;
    let unlearned = before.unlearned && want.guests.learning && !port.port.learning;
    (isolated || unlearned).then(|| {
        let change = GuestChange::Flags {
            isolated: isolated.then_some(false),
            learning: unlearned.then_some(true),
        };
        step(origin, port, change)
    })
}

/// Puts on a guest's port what the bridge wants.
pub(crate) fn bind(want: &Bridge, origin: &Origin, port: &SeenLink) -> Vec<Step> {
    let isolated = want.guests.isolated && !port.port.isolated;
    let unlearned = !want.guests.learning && port.port.learning;
    let mut changes = Vec::new();
    if isolated || unlearned {
        changes.push(GuestChange::Flags {
            isolated: isolated.then_some(true),
            learning: unlearned.then_some(false),
        });
    }
    // Whoever plugs a guest in may choose its VLANs. A port that has only what every new port has
    // was not chosen for, and the guest's own tags would go nowhere.
    if want.vlan_aware && !want.bare_ports && port.vlans == Vlans::of_a_new_port() {
        changes.push(GuestChange::AddVlans(Vlans {
            tagged: guests_own(),
            untagged: None,
        }));
    }
    let step = |change| step(origin, port, change);
    changes.into_iter().map(step).collect()
}

/// The VLANs that guests may use: all but the one that packets without a tag belong to.
fn guests_own() -> VlanSet {
    let id = |number: u32| VlanId::try_from(number).ok();
    id(2).zip(id(4094)).into_iter().collect()
}

fn step(origin: &Origin, port: &SeenLink, change: GuestChange) -> Step {
    Step::Guest {
        index: port.index,
        name: port.name.clone(),
        origin: origin.clone(),
        change,
    }
}

#[cfg(test)]
mod tests {
    use weft_model::plan::NodePlan;
    use weft_model::plan::link::{GuestPorts, Link};

    use super::*;
    use crate::fixtures::{bridge, host, owner, plan_of, vlan_id};
    use crate::plan::plan;
    use crate::replay::replay;
    use crate::scope::Scope;
    use crate::seen::{Port, Seen, SeenKind};

    fn web(vlan_aware: bool, isolated: bool, learning: bool) -> NodePlan {
        plan_of([Link {
            kind: LinkKind::Bridge(Bridge {
                vlan_aware,
                bare_ports: false,
                guests: GuestPorts { isolated, learning },
                ..Bridge::default()
            }),
            ..bridge("web")
        }])
    }

    /// Makes the plan true and gives the words of what was done to guests' ports.
    fn reach(want: &NodePlan, seen: &mut Seen) -> Vec<String> {
        let steps = plan(&owner(), want, seen, &Scope::All).steps;
        for step in &steps {
            replay(seen, step).unwrap();
        }
        assert_eq!(plan(&owner(), want, seen, &Scope::All).steps, []);
        let guests = steps
            .iter()
            .filter(|step| matches!(step, Step::Guest { .. }));
        guests.map(ToString::to_string).collect()
    }

    fn plug(seen: &mut Seen, port: Port) {
        let mut tap = SeenLink::new(9, "tap100i0", SeenKind::Other);
        tap.master = seen.named("web").map(|bridge| bridge.index);
        tap.port = port;
        seen.put(tap);
        seen.set_vlans(9, Vlans::of_a_new_port());
    }

    #[test]
    fn guests_are_isolated_while_they_run_and_let_go_again() {
        let mut seen = host();
        reach(&web(false, false, true), &mut seen);
        plug(&mut seen, Port::default());
        assert_eq!(
            reach(&web(false, true, false), &mut seen),
            ["set guest's port tap100i0: isolation on, learning off"]
        );
        let alias = seen.named("web").and_then(|bridge| bridge.alias.clone());
        assert_eq!(
            alias.as_deref(),
            Some("weft 0a0a0a0a prod/web-vnet +isolated +unlearned")
        );
        assert_eq!(
            reach(&web(false, false, true), &mut seen),
            ["set guest's port tap100i0: isolation off, learning on"]
        );
    }

    #[test]
    fn a_port_that_someone_else_isolated_stays_so() {
        let mut seen = host();
        reach(&web(false, false, true), &mut seen);
        let theirs = Port {
            isolated: true,
            learning: false,
            ..Port::default()
        };
        plug(&mut seen, theirs);
        assert_eq!(reach(&web(false, false, true), &mut seen), [""; 0]);
        assert_eq!(seen.link(9).map(|tap| tap.port), Some(theirs));
    }

    #[test]
    fn a_guest_may_use_vlans_of_its_own_unless_its_port_was_given_some() {
        let mut seen = host();
        reach(&web(true, false, true), &mut seen);
        plug(&mut seen, Port::default());
        assert_eq!(
            reach(&web(true, false, true), &mut seen),
            ["let guest's port tap100i0 carry VLANs 2-4094"]
        );
        let chosen = Vlans {
            tagged: VlanSet::default(),
            untagged: Some(vlan_id(30)),
        };
        seen.set_vlans(9, chosen);
        assert_eq!(reach(&web(true, false, true), &mut seen), [""; 0]);
    }
}
