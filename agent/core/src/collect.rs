//! Destroying what was set aside.
//!
//! # Never
//! Destroys what still carries something, or a group in which something is not ours.

use std::collections::{BTreeMap, BTreeSet};

use crate::own::{self, Owner};
use crate::seen::{Seen, SeenKind};
use crate::step::{Change, Step};

/// Plans the destruction of what was set aside, a group of devices at a time.
pub fn collect(owner: &Owner, seen: &Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut groups: BTreeMap<u32, (BTreeSet<u32>, bool)> = BTreeMap::new();
    for link in seen.links().filter(|link| own::is_doomed(link.group)) {
        let is_idle = !link.up && seen.ports(link.index).all(|port| owner.owns(port));
        if matches!(link.kind, SeenKind::Switched(_)) && owner.owns(link) && is_idle {
            // A kernel leaves these to their switch.
            steps.push(Step::Link {
                index: link.index,
                name: link.name.clone(),
                origin: owner.origin(link),
                change: Change::Unplug,
            });
        } else if owner.owns(link) && is_idle {
            let group = groups.entry(link.group).or_insert((BTreeSet::new(), true));
            group.0.insert(link.index);
        } else {
            let group = groups.entry(link.group).or_insert((BTreeSet::new(), true));
            group.1 = false;
        }
    }
    for (group, (devices, is_ours_alone)) in groups {
        if is_ours_alone {
            steps.push(Step::DestroyGroup { group, devices });
        } else {
            steps.extend(
                devices
                    .iter()
                    .filter_map(|index| seen.link(*index))
                    .map(|link| Step::Link {
                        index: link.index,
                        name: link.name.clone(),
                        origin: owner.origin(link),
                        change: Change::Destroy,
                    }),
            );
        }
    }
    steps
}
