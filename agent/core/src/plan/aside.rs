//! Setting aside: what goes carries nothing any more and waits to be destroyed after the confirm.

use std::collections::BTreeSet;

use weft_model::plan::Origin;
use weft_model::plan::link::LinkKind;
use weft_model::prefix::Family;
use weft_model::vlan::VlanId;

use super::{Round, set, step};
use crate::own::{self, Marks};
use crate::scope::Scope;
use crate::seen::{SeenKind, SeenLink};
use crate::settings::Settings;
use crate::step::{Change, Membership, Step};

impl Round<'_> {
    /// Frees the names and networks that other devices need.
    pub(super) fn retire(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for is in self.displaced.values() {
            let origin = self.owner.origin(is);
            let origin = origin.as_ref();
            if matches!(is.kind, SeenKind::Switched(_)) {
                // Its switch knows it by its name, so that it cannot give that to another and stay.
                steps.push(step(is.index, &is.name, origin, Change::Unplug));
                continue;
            }
            steps.extend(self.set_aside(is));
            for other in &is.alternative_names {
                let change = Change::RemoveName(other.clone());
                steps.push(step(is.index, &is.name, origin, change));
            }
            let name = own::retired_name(is.index);
            if is.name != name {
                let settings = Settings {
                    name: Some(name),
                    ..Settings::default()
                };
                steps.push(set(is.index, &is.name, origin, settings));
            }
        }
        steps
    }

    /// Sets aside what the plan no longer has; what comes first is before anything is made.
    pub(super) fn unwanted(&mut self, scope: &Scope) -> (Vec<Step>, Vec<Step>) {
        let (mut first, mut steps) = (Vec::new(), Vec::new());
        let mut present = scope.present(self.seen);
        // Ports first, so that a bridge goes down only when nothing of ours hangs on it.
        present.sort_by_key(|is| self.depth(is));
        for is in present {
            if let Some((before, back)) = self.give_back(is) {
                first.extend(before);
                steps.extend(back);
                continue;
            }
            if !self.owner.owns(is)
                || self.displaced.contains_key(&is.index)
                || is
                    .name
                    .parse()
                    .is_ok_and(|name| self.want.link(&name).is_some())
            {
                continue;
            }
            if (is.is_bridge() || is.is_vrf()) && self.guest(is.index).is_some() {
                self.plan.lingering.insert(is.index);
                continue;
            }
            steps.extend(self.set_aside(is));
        }
        let is_unwanted = |name: &str| {
            let wanted = name.parse().ok().and_then(|name| self.want.link(&name));
            wanted.is_none() && scope.has_name(name)
        };
        let unmade = self.seen.unmade.iter();
        let unmade = unmade.filter(|(name, plug)| self.owner.plugged(plug) && is_unwanted(name));
        steps.extend(unmade.map(|(name, _)| step(0, name, None, Change::Unplug)));
        (first, steps)
    }

    /// How many devices of the plan's may hang on this one: routing domains last, before them what
    /// is in them.
    fn depth(&self, is: &SeenLink) -> u8 {
        let master = is.master.and_then(|index| self.seen.link(index));
        match (is.is_vrf(), master) {
            (true, _) => 2,
            (false, None) => 1,
            (false, Some(master)) => u8::from(master.is_vrf()),
        }
    }

    /// Takes away by which tables drop what no route is for, where no routing domain has them any
    /// more: a kernel keeps these routes when the domain's device goes.
    pub(super) fn leftovers(&self) -> Vec<Step> {
        let is_kept = |is: &SeenLink| {
            !self.owner.owns(is) || self.is_in_use(is) || self.plan.lingering.contains(&is.index)
        };
        let all = self.seen.unreachable.iter();
        let mut left = all
            .filter(|route| !self.seen.domains(route.table).any(is_kept))
            .peekable();
        if left.peek().is_none() {
            return Vec::new();
        }
        let tables: BTreeSet<u32> = self
            .want
            .links()
            .filter_map(|link| match &link.kind {
                LinkKind::Vrf(vrf) => Some(vrf.table),
                _ => None,
            })
            .collect();
        left.filter(|route| !tables.contains(&route.table))
            .map(|route| {
                let change = Change::RemoveUnreachable(*route);
                let mut domains = self.seen.domains(route.table);
                match domains.next() {
                    Some(is) => {
                        let origin = self.owner.origin(is);
                        step(is.index, &is.name, origin.as_ref(), change)
                    }
                    None => step(0, "", None, change),
                }
            })
            .collect()
    }

    /// What makes the device carry nothing and wait to be destroyed.
    fn set_aside(&self, is: &SeenLink) -> Vec<Step> {
        let joined = Marks::of(is.alias.as_deref()).joined;
        let origin = self.owner.origin(is);
        let origin = origin.as_ref();
        let mut steps = Vec::new();
        if let (SeenKind::Vlan(vlan), true) = (&is.kind, joined)
            && let Ok(id) = VlanId::try_from(u32::from(vlan.id))
            && self.takes_part(vlan.parent, id)
        {
            let of = Membership {
                bridge: vlan.parent,
                id,
            };
            steps.push(step(is.index, &is.name, origin, Change::Leave(of)));
        }
        if !own::is_doomed(is.group) || is.up || is.master.is_some() || joined {
            let alias = is.alias.as_deref().filter(|_| joined);
            let quiesce = Settings {
                alias: alias.map(own::without_joined),
                ..Settings::quiesce(own::doomed_group_of(is))
            };
            steps.push(set(is.index, &is.name, origin, quiesce));
        }
        steps.extend(silence(is, origin));
        steps
    }
}

/// What takes a device's IPv4 addresses away.
fn silence(is: &SeenLink, origin: Option<&Origin>) -> Vec<Step> {
    let mut steps = Vec::new();
    // A host answers to the IPv4 addresses of a device that is down; the others go by themselves.
    let ipv4 = is
        .addresses
        .iter()
        .filter(|address| address.family() == Family::Ipv4);
    steps.extend(ipv4.map(|address| {
        let change = Change::RemoveAddress(*address);
        step(is.index, &is.name, origin, change)
    }));
    steps
}
