//! The steps that turn what the kernel has into what the plan wants.
//!
//! # Guarantees
//! * Masters come before their ports, making and attaching before taking away, and nothing is
//!   destroyed: what the plan no longer has is set aside (down, without master, in a doomed group)
//!   so that going back is planning the earlier plan. [`collect`](crate::collect) destroys it later.
//! * A device that is not ours is in no step, and neither is a guest's port on a bridge of ours.
//! * Where networks of a tunnel device that has many move, they leave one device before they come to
//!   another; so do ports that a kernel gives to one kind of tunnel device only.
//! * A kernel allows one VXLAN device per network and port, so one of ours that has them already is
//!   taken over, whatever its name was: two vnets can trade networks and trade them back.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::{NodePlan, Origin};
use weft_model::report::Fault;
use weft_model::vlan::VlanId;

use crate::host::{self, Declared};
use crate::link::{self, Work};
use crate::own::{self, Marks, Owner};
use crate::scope::Scope;
use crate::seen::{Seen, SeenLink};
use crate::settings::Settings;
use crate::step::{Change, Membership, Step};
use crate::{guest, nft};

mod aside;
mod lend;
mod network;
mod place;

use place::Place;

mod frr;

/// What is to be done, and what stands in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in the order in which they must be made.
    pub steps: Vec<Step>,
    /// What cannot be had because something that is not ours is in its place.
    pub clashes: Vec<Fault>,
    /// Bridges that the plan no longer has and that guests are still plugged into: they are left.
    pub lingering: BTreeSet<u32>,
}

/// Plans. Pure: the same arguments always give the same steps.
pub fn plan(owner: &Owner, want: &NodePlan, seen: &Seen, scope: &Scope) -> Plan {
    let scope = &scope.widened(want, seen);
    let mut round = Round {
        owner,
        want,
        seen,
        plan: Plan::default(),
        places: Vec::new(),
        indexes: BTreeMap::new(),
        displaced: BTreeMap::new(),
        declared: Declared::of(want.host_links()),
        next: seen
            .largest_index(own::INDEXES)
            .map_or(*own::INDEXES.start(), |index| index + 1),
    };
    for link in scope.wanted(want) {
        round.place(link);
    }
    let cleared = round.clear(scope);
    let (first, unwanted) = round.unwanted(scope);
    // Before another device gets back what has its place.
    let (routes, unwanted): (Vec<Step>, Vec<Step>) = unwanted.into_iter().partition(is_route);
    let mut steps = cleared;
    steps.extend(routes);
    steps.extend(first);
    steps.extend(round.retire());
    steps.extend(round.build());
    if scope.has_nat() {
        let table = nft::table(want);
        if table != seen.nat {
            // Before anything is set up that the translations are for.
            let first_set = steps.iter().position(is_set_up).unwrap_or(steps.len());
            steps.insert(first_set, Step::Nat(table));
        }
    }
    if scope.has_frr() {
        // Devices are there before FRR speaks of them, and go after it does not any more.
        let (said, clashes) = frr::told(want, seen);
        steps.extend(said);
        round.plan.clashes.extend(clashes);
    }
    steps.extend(unwanted);
    steps.extend(round.leftovers());
    Plan {
        steps,
        ..round.plan
    }
}

fn is_route(step: &Step) -> bool {
    matches!(
        step,
        Step::Link {
            change: Change::RemoveStatic(_),
            ..
        }
    )
}

fn is_set_up(step: &Step) -> bool {
    matches!(step, Step::Link { change: Change::Set(settings), .. } if settings.up == Some(true))
}

struct Round<'a> {
    owner: &'a Owner,
    want: &'a NodePlan,
    seen: &'a Seen,
    plan: Plan,
    /// Every device that can be had, with its number.
    places: Vec<(&'a Link, u32, Place<'a>)>,
    indexes: BTreeMap<&'a str, u32>,
    /// Devices of ours that give up their name.
    displaced: BTreeMap<u32, &'a SeenLink>,
    /// What host networks want of the host as a whole.
    declared: Declared,
    next: u32,
}

impl<'a> Round<'a> {
    fn build(&mut self) -> Vec<Step> {
        let has_ipv6 = self.seen.has_ipv6();
        let (mut create, mut switch, mut settle) = (Vec::new(), Vec::new(), Vec::new());
        let (mut add, mut drop) = (Vec::new(), Vec::new());
        let (mut release, mut bind) = (Vec::new(), Vec::new());
        let mut networks = Vec::new();
        let (mut noted, mut marked, mut early) = (Vec::new(), Vec::new(), Vec::new());
        // Ends of pairs that the other end brought along.
        let mut brought: BTreeSet<&str> = BTreeSet::new();
        for (want, index, place) in &self.places {
            let other = match &want.kind {
                LinkKind::Vlan(vlan) => self.index_of(&vlan.parent),
                LinkKind::Veth { peer } => self.indexes.get(peer.as_str()).copied(),
                LinkKind::Bridge(_)
                | LinkKind::Vxlan(_)
                | LinkKind::Bundle(_)
                | LinkKind::Switched(_)
                | LinkKind::Bond(_)
                | LinkKind::Vrf(_)
                | LinkKind::Dummy
                | LinkKind::Physical => None,
            };
            let made;
            let is = match place {
                Place::Here(is) | Place::Lent(is) => *is,
                Place::Moved(is) => {
                    made = link::retired(is);
                    &made
                }
                Place::New => {
                    if !brought.contains(want.name.as_str()) {
                        create.push(step(
                            *index,
                            want.name.as_str(),
                            Some(&want.origin),
                            link::creation(want, other, self.owner),
                        ));
                    }
                    if let LinkKind::Veth { peer } = &want.kind {
                        brought.insert(peer.as_str());
                    }
                    made = link::created(want, *index, other, has_ipv6, self.owner);
                    &made
                }
            };
            let master = want.master.as_ref().and_then(|master| {
                self.indexes
                    .get(master.as_str())
                    .copied()
                    .or_else(|| Some(self.seen.named(master.as_str())?.index))
            });
            let mut marks = guest::marks(&want.kind);
            marks.lent = matches!(place, Place::Lent(_));
            let join = self.join(want, place, &mut marks);
            let alias = self.owner.alias(&want.origin, marks, want.alias.as_ref());
            let around = self.around(want, is, alias, master);
            let work = if marks.lent {
                let (mut loan, work) = host::take(want, around, is, &self.declared);
                self.keep_place(is, &mut loan);
                noted.extend(self.note(want, is, loan));
                work
            } else {
                link::update(want, around, is)
            };
            let Work {
                early: first,
                switches,
                settings,
                mut adds,
                late,
                drops,
            } = work;
            self.take_places(*index, &mut adds);
            let on = |name: &str, change| step(*index, name, Some(&want.origin), change);
            let stays = master.is_some() && is.master == master;
            networks.extend(self.networks(want, *index, is, stays));
            switch.extend(switches.into_iter().map(|change| on(&is.name, change)));
            early.extend(first.into_iter().map(|change| on(&is.name, change)));
            for settings in settings {
                let changes_mode = settings.bond.mode.is_some();
                let is_mark = marks.lent && settings.alias.is_some();
                let set = on(&is.name, Change::Set(Box::new(settings)));
                if is_mark {
                    // Without it nothing of what is noted is given back.
                    marked.push(set);
                    continue;
                }
                settle.extend(self.without_ports(changes_mode, is.index, set));
            }
            let name = want.name.as_str();
            if let Some((holder, other)) = self.holder(want, *index) {
                let change = Change::RemoveName(other.to_owned());
                let origin = self.owner.origin(holder);
                add.push(step(holder.index, &holder.name, origin.as_ref(), change));
            }
            add.extend(adds.into_iter().map(|change| on(name, change)));
            add.extend(join.map(|of| on(name, Change::Join(of))));
            bind.extend(late.into_iter().map(|change| on(name, change)));
            if let (LinkKind::Bridge(bridge), Place::Here(is), None) =
                (&want.kind, place, want.origin.host())
            {
                let ports = self
                    .seen
                    .ports(is.index)
                    .filter(|port| !self.owner.owns(port));
                let before = Marks::of(is.alias.as_deref());
                for port in ports {
                    release.extend(guest::release(bridge, before, &want.origin, port));
                    bind.extend(guest::bind(bridge, &want.origin, port));
                }
            }
            let drops = drops.into_iter().filter(|change| !self.is_replaced(change));
            let drops = drops.map(|change| on(name, change));
            let (routes, drops): (Vec<Step>, Vec<Step>) = drops.partition(is_route);
            early.extend(routes);
            drop.extend(drops);
        }
        [
            noted, marked, early, create, switch, release, settle, add, networks, bind, drop,
        ]
        .concat()
    }

    /// How a VLAN's bridge is made to take part in it, where it does not yet.
    fn join(&self, want: &Link, place: &Place<'_>, marks: &mut Marks) -> Option<Membership> {
        let LinkKind::Vlan(vlan) = &want.kind else {
            return None;
        };
        if !vlan.join {
            return None;
        }
        let bridge = self.index_of(&vlan.parent)?;
        let by_us = match place {
            Place::Here(is) | Place::Lent(is) | Place::Moved(is) => {
                Marks::of(is.alias.as_deref()).joined
            }
            Place::New => false,
        };
        // What is displaced leaves first.
        let leaves = by_us && matches!(place, Place::Moved(_));
        let takes_part = self.takes_part(bridge, vlan.id) && !leaves;
        marks.joined = by_us || !takes_part;
        (!takes_part).then_some(Membership {
            bridge,
            id: vlan.id,
        })
    }

    /// Whether the host takes part in a VLAN of a bridge.
    fn takes_part(&self, bridge: u32, id: VlanId) -> bool {
        self.seen
            .link(bridge)
            .is_some_and(|it| it.vlans.tagged.contains(id) || it.vlans.untagged == Some(id))
    }
}

fn set(index: u32, name: &str, origin: Option<&Origin>, settings: Settings) -> Step {
    step(index, name, origin, Change::Set(Box::new(settings)))
}

fn step(index: u32, name: &str, origin: Option<&Origin>, change: Change) -> Step {
    Step::Link {
        index,
        name: name.to_owned(),
        origin: origin.cloned(),
        change,
    }
}
