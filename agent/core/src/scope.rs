//! How much of a node is looked at: all of it, or only what changed.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::{EntryKey, NodePlan};

use crate::seen::{Seen, SeenLink};

/// Which devices are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those with these names, and besides what the others say.
    Some {
        /// Names of devices.
        names: BTreeSet<String>,
        /// Whether source translations are looked at.
        nat: bool,
        /// Whether FRR's configuration is looked at.
        frr: bool,
    },
}

impl Scope {
    /// What two plans differ in.
    ///
    /// Goes through both side by side; what they share costs one comparison of pointers.
    pub fn between(was: &NodePlan, next: &NodePlan) -> Self {
        let (mut names, mut nat, mut frr) = (BTreeSet::new(), false, false);
        let mut differs = |key: &EntryKey| match key {
            EntryKey::Link(name) | EntryKey::Segment(name, _) => {
                names.insert(name.as_str().to_owned());
            }
            EntryKey::Nat(..) => nat = true,
            EntryKey::Frr(_) => frr = true,
        };
        let (mut was, mut next) = (was.entries().peekable(), next.entries().peekable());
        loop {
            let order = match (was.peek(), next.peek()) {
                (Some((was, _)), Some((next, _))) => was.cmp(next),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let gone = was.next_if(|_| order != Ordering::Greater);
            let come = next.next_if(|_| order != Ordering::Less);
            match (gone, come) {
                (Some((_, had)), Some((_, has))) if Arc::ptr_eq(had, has) || had == has => {}
                (Some((key, _)), _) | (None, Some((key, _))) => differs(key),
                (None, None) => {}
            }
        }
        Self::Some { names, nat, frr }
    }

    /// Widens the scope by these devices.
    #[must_use]
    pub fn and(self, more: impl IntoIterator<Item = String>) -> Self {
        match self {
            Self::All => Self::All,
            Self::Some {
                mut names,
                nat,
                frr,
            } => {
                names.extend(more);
                Self::Some { names, nat, frr }
            }
        }
    }

    /// The scope, with what hangs together with what is in it: a bridge with its ports, a pair with
    /// its other end, a device with its VLANs, a routing domain with all that is in it.
    #[must_use]
    pub(crate) fn widened(&self, want: &NodePlan, seen: &Seen) -> Self {
        let Self::Some { names, nat, frr } = self else {
            return Self::All;
        };
        let mut all = names.clone();
        for name in names {
            let master = seen.named(name).and_then(|is| seen.link(is.master?));
            all.extend(master.map(|bridge| bridge.name.clone()));
            if let Some(domain) = seen.named(name).filter(|is| is.is_vrf()) {
                // One that gets another table is made anew, and they move with their routes.
                let ports = seen.ports(domain.index);
                all.extend(ports.map(|port| port.name.clone()));
            }
            let Ok(name) = name.parse() else { continue };
            all.extend(want.vlans_of(&name).map(|name| name.as_str().to_owned()));
            if let Some(LinkKind::Veth { peer }) = want.link(&name).map(|link| &link.kind) {
                all.insert(peer.as_str().to_owned());
            }
        }
        // What one device of the host is to have, another may have to give.
        let lent = |name: &String| {
            seen.named(name)
                .is_some_and(|is| seen.loan(is.index).is_some())
        };
        let is_host = |name: &String| {
            let link = name.parse().ok().and_then(|name| want.link(&name));
            link.is_some_and(|link| link.origin.host().is_some())
        };
        if names.iter().any(|name| is_host(name) || lent(name)) {
            all.extend(want.host_links().map(|link| link.name.as_str().to_owned()));
            let lent = seen.loans().keys().filter_map(|index| seen.link(*index));
            all.extend(lent.map(|is| is.name.clone()));
        }
        Self::Some {
            names: all,
            nat: *nat,
            frr: *frr,
        }
    }

    pub(crate) fn has_nat(&self) -> bool {
        match self {
            Self::All => true,
            Self::Some { nat, .. } => *nat,
        }
    }

    pub(crate) fn has_name(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some { names, .. } => names.contains(name),
        }
    }

    pub(crate) fn has_frr(&self) -> bool {
        match self {
            Self::All => true,
            Self::Some { frr, .. } => *frr,
        }
    }

    pub(crate) fn wanted<'a>(&self, want: &'a NodePlan) -> Vec<&'a Link> {
        let mut links: Vec<&Link> = match self {
            Self::All => want.links().collect(),
            Self::Some { names, .. } => names
                .iter()
                .filter_map(|name| want.link(&name.parse().ok()?))
                .collect(),
        };
        // Stable: what others are ports or VLANs of comes first, each part in the order of the names.
        links.sort_by_key(|link| match &link.kind {
            LinkKind::Vrf(_) => -1,
            LinkKind::Bridge(_) => 0,
            LinkKind::Bond(_) => 1,
            LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Veth { .. }
            | LinkKind::Dummy
            | LinkKind::Switched(_) => 2,
            LinkKind::Physical => 3,
            LinkKind::Vlan(vlan) => {
                let parent = want.link(&vlan.parent).map(|parent| &parent.kind);
                4 + i8::from(matches!(parent, Some(LinkKind::Vlan(_))))
            }
        });
        links
    }

    pub(crate) fn present<'a>(&self, seen: &'a Seen) -> Vec<&'a SeenLink> {
        match self {
            Self::All => seen.links().collect(),
            Self::Some { names, .. } => names.iter().filter_map(|name| seen.named(name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::any_plan;

    proptest! {
        #[test]
        fn two_plans_differ_in_the_keys_of_their_delta(was in any_plan(), next in any_plan()) {
            let delta = was.delta(&next);
            let put: Vec<EntryKey> = delta.put.iter().map(|entry| entry.key()).collect();
            let (mut names, mut nat, mut frr) = (BTreeSet::new(), false, false);
            for key in delta.remove.iter().chain(&put) {
                match key {
                    EntryKey::Link(name) | EntryKey::Segment(name, _) => {
                names.insert(name.as_str().to_owned());
            }
                    EntryKey::Nat(..) => nat = true,
                    EntryKey::Frr(_) => frr = true,
                }
            }
            prop_assert_eq!(Scope::between(&was, &next), Scope::Some { names, nat, frr });
        }
    }
}
