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

use weft_model::name::LinkName;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::{NodePlan, Origin};
use weft_model::prefix::Family;
use weft_model::report::Fault;
use weft_model::vlan::VlanId;

use crate::link::{self, Work};
use crate::own::{self, Marks, Owner};
use crate::scope::Scope;
use crate::seen::{Claim, Seen, SeenKind, SeenLink};
use crate::step::{Change, Membership, Settings, Step};
use crate::{clash, guest, nft};

mod aside;
mod network;

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

/// Where a wanted device is to come from.
enum Place<'a> {
    Here(&'a SeenLink),
    Moved(&'a SeenLink),
    New,
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
        next: seen
            .largest_index(own::INDEXES)
            .map_or(*own::INDEXES.start(), |index| index + 1),
    };
    for link in scope.wanted(want) {
        round.place(link);
    }
    let cleared = round.clear(scope);
    let unwanted = round.unwanted(scope);
    let mut steps = cleared;
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
    steps.extend(unwanted);
    Plan {
        steps,
        ..round.plan
    }
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
    next: u32,
}

impl<'a> Round<'a> {
    fn place(&mut self, link: &'a Link) {
        match self.find(link) {
            Ok(place) => {
                let index = match place {
                    Place::Here(is) | Place::Moved(is) => is.index,
                    Place::New => {
                        let index = self.next;
                        self.next += 1;
                        index
                    }
                };
                if let Place::Moved(is) = place {
                    self.displaced.insert(is.index, is);
                }
                let taken = self.taken_networks(link);
                self.plan.clashes.extend(taken);
                self.indexes.insert(link.name.as_str(), index);
                self.places.push((link, index, place));
            }
            Err(fault) => self.plan.clashes.push(fault),
        }
    }

    fn find(&mut self, link: &'a Link) -> Result<Place<'a>, Fault> {
        let seen = self.seen;
        let named = seen.named(link.name.as_str());
        if let Some(other) = link
            .alternative_name
            .as_ref()
            .and_then(|name| Some((name, seen.named(name.as_str())?)))
            .filter(|(_, other)| !self.owner.owns(other))
        {
            return Err(clash::name(link, other.0.as_str(), other.1));
        }
        if let Some(master) = &link.master {
            let is_there = self.indexes.contains_key(master.as_str())
                || seen
                    .named(master.as_str())
                    .is_some_and(|master| self.owner.owns(master));
            if !is_there {
                return Err(clash::no_master(link, master));
            }
        }
        if let LinkKind::Vlan(vlan) = &link.kind
            && self.index_of(&vlan.parent).is_none()
        {
            return Err(clash::no_parent(link, vlan));
        }
        if let LinkKind::Switched(port) = &link.kind
            && !seen.switches.contains(port.switch.as_str())
        {
            return Err(clash::no_switch(link, port));
        }
        if let Some(is) = named {
            if !self.owner.owns(is) || is.name != link.name.as_str() {
                return Err(clash::name(link, link.name.as_str(), is));
            }
            if self.fits(link, is) {
                if !is.up {
                    self.free_port(link)?;
                }
                return Ok(Place::Here(is));
            }
            if let Some(guest) = self.guest(is.index) {
                return Err(clash::guest(&link.origin, is, guest));
            }
            self.displaced.insert(is.index, is);
        }
        self.free_port(link)?;
        let claim = match &link.kind {
            LinkKind::Vxlan(vxlan) => Some(Claim::Tunnel(link::tunnel(vxlan))),
            LinkKind::Vlan(vlan) => self
                .index_of(&vlan.parent)
                .map(|parent| Claim::Vlan(link::vlan(vlan, parent))),
            LinkKind::Bundle(bundle) => {
                let port = bundle.port.get();
                let other = self.retired_bundle(link, port);
                return Ok(other.map_or(Place::New, Place::Moved));
            }
            LinkKind::Bridge(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Physical => None,
        };
        let Some(is) = claim.and_then(|claim| seen.holding(claim).next()) else {
            return Ok(Place::New);
        };
        if !self.owner.owns(is) || self.is_in_use(is) {
            return Err(clash::claim(link, is));
        }
        Ok(Place::Moved(is))
    }

    /// The number that a device has or will have.
    fn index_of(&self, name: &LinkName) -> Option<u32> {
        let new = self.indexes.get(name.as_str()).copied();
        new.or_else(|| self.seen.named(name.as_str()).map(|is| is.index))
    }

    /// Whether the device can become what is wanted without being made anew.
    fn fits(&self, want: &Link, is: &SeenLink) -> bool {
        match (&want.kind, &is.kind) {
            (LinkKind::Bridge(_), SeenKind::Bridge { .. }) => true,
            (LinkKind::Vxlan(vxlan), SeenKind::Vxlan { tunnel: has, .. }) => {
                link::tunnel(vxlan) == *has
            }
            (LinkKind::Bundle(bundle), SeenKind::Bundle { port, family, .. }) => {
                (bundle.port.get(), Family::of(bundle.local)) == (*port, *family)
            }
            (LinkKind::Vlan(vlan), SeenKind::Vlan(has)) => self
                .index_of(&vlan.parent)
                .is_some_and(|parent| link::vlan(vlan, parent) == *has),
            (LinkKind::Switched(port), SeenKind::Switched(has)) => {
                has.switch == port.switch.as_str()
            }
            // An end whose other end is someone else's, or elsewhere, is of no use.
            (LinkKind::Veth { peer }, SeenKind::Veth { peer: Some(other) }) => self
                .seen
                .link(*other)
                .is_some_and(|other| other.name == peer.as_str() && self.owner.owns(other)),
            (
                LinkKind::Bridge(_)
                | LinkKind::Vxlan(_)
                | LinkKind::Bundle(_)
                | LinkKind::Vlan(_)
                | LinkKind::Veth { .. }
                | LinkKind::Switched(_)
                | LinkKind::Bond(_)
                | LinkKind::Physical,
                _,
            ) => false,
        }
    }

    /// Whether the plan wants the device to go on as what it is.
    fn is_in_use(&self, is: &SeenLink) -> bool {
        is.name
            .parse()
            .ok()
            .and_then(|name| self.want.link(&name))
            .is_some_and(|want| self.fits(want, is))
    }

    /// Another device of ours that has the wanted device's alternative name, and will still have
    /// it when names are given.
    fn holder(&self, want: &'a Link, index: u32) -> Option<(&'a SeenLink, &'a str)> {
        let name = want.alternative_name.as_ref()?.as_str();
        let holder = self.seen.named(name)?;
        let keeps = holder.index != index && !self.displaced.contains_key(&holder.index);
        keeps.then_some((holder, name))
    }

    /// A port of the device that is not ours.
    fn guest(&self, index: u32) -> Option<&'a SeenLink> {
        let owner = self.owner;
        self.seen.ports(index).find(|port| !owner.owns(port))
    }

    fn build(&mut self) -> Vec<Step> {
        let has_ipv6 = self.seen.has_ipv6();
        let (mut create, mut switch, mut settle) = (Vec::new(), Vec::new(), Vec::new());
        let (mut add, mut drop) = (Vec::new(), Vec::new());
        let (mut release, mut bind) = (Vec::new(), Vec::new());
        let mut networks = Vec::new();
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
                | LinkKind::Physical => None,
            };
            let made;
            let is = match place {
                Place::Here(is) => *is,
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
            let join = self.join(want, place, &mut marks);
            let alias = self.owner.alias(&want.origin, marks, want.alias.as_ref());
            let Work {
                switches,
                settings,
                adds,
                drops,
            } = link::update(want, alias, master, is);
            let on = |name: &str, change| step(*index, name, Some(&want.origin), change);
            let stays = master.is_some() && is.master == master;
            networks.extend(self.networks(want, *index, is, stays).adds);
            switch.extend(switches.into_iter().map(|change| on(&is.name, change)));
            for settings in settings {
                settle.push(on(&is.name, Change::Set(Box::new(settings))));
            }
            let name = want.name.as_str();
            if let Some((holder, other)) = self.holder(want, *index) {
                let change = Change::RemoveName(other.to_owned());
                let origin = self.owner.origin(holder);
                add.push(step(holder.index, &holder.name, origin.as_ref(), change));
            }
            add.extend(adds.into_iter().map(|change| on(name, change)));
            add.extend(join.map(|of| on(name, Change::Join(of))));
            if let (LinkKind::Bridge(bridge), Place::Here(is)) = (&want.kind, place) {
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
            drop.extend(drops.into_iter().map(|change| on(name, change)));
        }
        [create, switch, release, settle, add, networks, bind, drop].concat()
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
            Place::Here(is) | Place::Moved(is) => Marks::of(is.alias.as_deref()).joined,
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
