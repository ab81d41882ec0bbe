//! What a change takes away from guests that are plugged in: told before anything is changed, so
//! that a person can agree to it or not.

use std::collections::BTreeSet;

use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, EntryKey, NodePlan, Origin};
use weft_model::prefix::InterfaceAddress;
use weft_model::report::Fault;

use crate::own::Owner;
use crate::seen::{Seen, SeenKind, SeenLink};

/// More ports than these are counted.
const FEW: usize = 8;

/// What the change from one plan to another takes away from ports that are not ours.
pub fn disruptions(owner: &Owner, now: &NodePlan, next: &NodePlan, seen: &Seen) -> Vec<Fault> {
    let delta = now.delta(next);
    let put = delta.put.iter().map(|entry| entry.key());
    let touched: BTreeSet<EntryKey> = delta.remove.iter().cloned().chain(put).collect();
    let lost = touched.iter().filter_map(|key| {
        if let Some(Entry::Segment(segment)) = now.get(key).map(|entry| &**entry) {
            return next
                .get(key)
                .is_none()
                .then(|| vlan(owner, now, segment, seen))?;
        }
        let Some(Entry::Link(link)) = now.get(key).map(|entry| &**entry) else {
            return None;
        };
        let after = next.link(&link.name);
        let ports = matches!(link.kind, LinkKind::Bridge(_)).then(|| guests(owner, link, seen))?;
        let loss = loss(link, after)?;
        (!ports.is_empty()).then(|| fault(&link.origin, &loss, &ports))
    });
    let modes = delta.put.iter().filter_map(|entry| match &**entry {
        Entry::Link(link) => changed_mode(link, seen),
        Entry::Segment(_) | Entry::Nat(_) | Entry::Frr(_) => None,
    });
    lost.chain(modes).collect()
}

/// A bond that must let go of its devices to get another mode.
fn changed_mode(next: &Link, seen: &Seen) -> Option<Fault> {
    let LinkKind::Bond(bond) = &next.kind else {
        return None;
    };
    let is = seen.named(next.name.as_str())?;
    let SeenKind::Bond(has) = &is.kind else {
        return None;
    };
    let ports: Vec<&str> = seen
        .ports(is.index)
        .map(|port| port.name.as_str())
        .collect();
    (has.mode != bond.mode && !ports.is_empty()).then(|| Fault {
        origin: Some(next.origin.clone()),
        attempt: format!(
            "cannot change the mode of {} from {} to {}",
            next.name, has.mode, bond.mode
        ),
        cause: format!("its devices must leave it meanwhile: {}", ports.join(", ")),
        advice: "agree to it with --accept destructive".to_owned(),
    })
}

/// The ports of a bridge that are not ours.
fn guests<'a>(owner: &Owner, link: &Link, seen: &'a Seen) -> Vec<&'a str> {
    let bridge = seen
        .named(link.name.as_str())
        .filter(|bridge| owner.owns(bridge));
    let ports = bridge
        .into_iter()
        .flat_map(|bridge| seen.ports(bridge.index));
    let guests =
        ports.filter(|port: &&SeenLink| !owner.owns(port) && seen.loan(port.index).is_none());
    guests.map(|port| port.name.as_str()).collect()
}

/// What guests of the bridge lose, if anything.
fn loss(now: &Link, next: Option<&Link>) -> Option<String> {
    let Some(next) = next.filter(|next| matches!(next.kind, LinkKind::Bridge(_))) else {
        return Some(format!("cannot take bridge {} away", now.name));
    };
    let keeps = |address: &&InterfaceAddress| {
        let same = |other: &InterfaceAddress| other.address() == address.address();
        next.addresses.iter().any(same)
    };
    let gone = now.addresses.iter().filter(|address| !keeps(address));
    let lost: Vec<String> = gone.map(ToString::to_string).collect();
    (!lost.is_empty()).then(|| {
        format!(
            "cannot take the gateway address {} from bridge {}",
            lost.join(", "),
            now.name
        )
    })
}

/// What guests lose whose VLAN goes.
fn vlan(owner: &Owner, now: &NodePlan, segment: &Segment, seen: &Seen) -> Option<Fault> {
    let bridge = now.link(&segment.tunnel)?.master.as_ref()?;
    let is = seen
        .named(bridge.as_str())
        .filter(|bridge| owner.owns(bridge))?;
    let ports = seen.ports(is.index).filter(|port| !owner.owns(port));
    let carriers = ports.filter(|port| port.vlans.has(segment.vlan));
    let names: Vec<&str> = carriers.map(|port| port.name.as_str()).collect();
    let loss = format!(
        "cannot take VLAN {} away from bridge {bridge}",
        segment.vlan
    );
    (!names.is_empty()).then(|| fault(&segment.origin, &loss, &names))
}

fn fault(origin: &Origin, loss: &str, ports: &[&str]) -> Fault {
    let mut names = ports[..ports.len().min(FEW)].join(", ");
    if ports.len() > FEW {
        names += &format!(" and {} more", ports.len() - FEW);
    }
    Fault {
        origin: Some(origin.clone()),
        attempt: loss.to_owned(),
        cause: format!("guests are plugged in: {names}"),
        advice: "unplug them, or agree to it with --accept destructive".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{bridge, host, owner, plan_of, vxlan};
    use crate::plan::plan;
    use crate::replay::replay;
    use crate::scope::Scope;

    fn with_addresses(name: &str, addresses: &[&str]) -> Link {
        Link {
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            ..bridge(name)
        }
    }

    /// A node that is what the plan says, with a guest's port on this bridge.
    fn node(now: &NodePlan, bridge: &str) -> Seen {
        let mut seen = host();
        for step in plan(&owner(), now, &seen, &Scope::All).steps {
            replay(&mut seen, &step).unwrap();
        }
        let index = seen.named(bridge).unwrap().index;
        let mut tap = SeenLink::new(9, "tap100i0", SeenKind::Other);
        tap.master = Some(index);
        seen.put(tap);
        seen
    }

    fn told(now: &NodePlan, next: &NodePlan, guest_on: &str) -> Vec<String> {
        let faults = disruptions(&owner(), now, next, &node(now, guest_on));
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_goes_is_told_with_the_guests_that_are_plugged_in() {
        let now = plan_of([bridge("web"), vxlan("tun", 1, "web"), bridge("db")]);
        let next = plan_of([bridge("db")]);
        assert_eq!(
            told(&now, &next, "web"),
            [
                "vnet web-vnet of zone prod: cannot take bridge web away: guests are plugged in: \
                 tap100i0: unplug them, or agree to it with --accept destructive"
            ]
        );
        assert_eq!(told(&now, &next, "db"), Vec::<String>::new());
    }

    #[test]
    fn a_gateway_that_goes_is_told_and_one_whose_network_grows_is_not() {
        let now = plan_of([with_addresses("web", &["10.1.0.1/24", "10.2.0.1/24"])]);
        let next = plan_of([with_addresses("web", &["10.1.0.1/16", "10.2.0.2/24"])]);
        assert_eq!(
            told(&now, &next, "web"),
            [
                "vnet web-vnet of zone prod: cannot take the gateway address 10.2.0.1/24 from \
                 bridge web: guests are plugged in: tap100i0: unplug them, or agree to it with \
                 --accept destructive"
            ]
        );
    }

    #[test]
    fn what_only_comes_or_changes_in_place_disrupts_nobody() {
        let now = plan_of([bridge("web")]);
        let next = plan_of([
            Link {
                mtu: Some(1400.try_into().unwrap()),
                ..with_addresses("web", &["10.1.0.1/24"])
            },
            bridge("db"),
        ]);
        assert_eq!(told(&now, &next, "web"), Vec::<String>::new());
    }
}
