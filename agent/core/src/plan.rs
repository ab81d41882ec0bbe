//! The steps that turn what the kernel has into what the plan wants.
//!
//! # Guarantees
//! * Masters come before their ports, making and attaching before taking away, and nothing is
//!   destroyed: what the plan no longer has is set aside (down, without master, in a doomed group)
//!   so that going back is planning the earlier plan. [`collect`](crate::collect) destroys it later.
//! * A device that is not ours is in no step, and neither is a guest's port on a bridge of ours.
//! * A kernel allows one VXLAN device per network and port, so one of ours that has them already is
//!   taken over, whatever its name was: two vnets can trade networks and trade them back.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::{NodePlan, Origin};
use weft_model::prefix::Family;
use weft_model::report::Fault;

use crate::link::{self, Work};
use crate::own::{self, Owner};
use crate::scope::Scope;
use crate::seen::{Seen, SeenKind, SeenLink};
use crate::step::{Change, Settings, Step};
use crate::{clash, nft};

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
    let unwanted = round.unwanted(scope);
    let mut steps = round.retire();
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
        if let Some(is) = named {
            if !self.owner.owns(is) || is.name != link.name.as_str() {
                return Err(clash::name(link, link.name.as_str(), is));
            }
            if link::is_compatible(&link.kind, &is.kind) {
                return Ok(Place::Here(is));
            }
            if let Some(guest) = self.guest(is.index) {
                return Err(clash::guest(&link.origin, is, guest));
            }
            self.displaced.insert(is.index, is);
        }
        let LinkKind::Vxlan(vxlan) = &link.kind else {
            return Ok(Place::New);
        };
        let Some(is) = seen.tunnel(link::tunnel(vxlan)).next() else {
            return Ok(Place::New);
        };
        if !self.owner.owns(is) || self.is_in_use(is) {
            return Err(clash::tunnel(link, vxlan, is));
        }
        Ok(Place::Moved(is))
    }

    /// Whether the plan wants the device to go on as what it is.
    fn is_in_use(&self, is: &SeenLink) -> bool {
        is.name
            .parse()
            .ok()
            .and_then(|name| self.want.link(&name))
            .is_some_and(|want| link::is_compatible(&want.kind, &is.kind))
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

    /// Frees the names and networks that other devices need.
    fn retire(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for is in self.displaced.values() {
            let origin = self.owner.origin(is);
            let origin = origin.as_ref();
            steps.extend(set_aside(self.owner, is));
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

    fn build(&mut self) -> Vec<Step> {
        let has_ipv6 = self.seen.has_ipv6();
        let (mut create, mut switch, mut settle) = (Vec::new(), Vec::new(), Vec::new());
        let (mut add, mut drop) = (Vec::new(), Vec::new());
        for (want, index, place) in &self.places {
            let made;
            let is = match place {
                Place::Here(is) => *is,
                Place::Moved(is) => {
                    made = link::retired(is);
                    &made
                }
                Place::New => {
                    create.push(step(
                        *index,
                        want.name.as_str(),
                        Some(&want.origin),
                        link::creation(want),
                    ));
                    made = link::created(want, *index, has_ipv6);
                    &made
                }
            };
            let master = want.master.as_ref().and_then(|master| {
                self.indexes
                    .get(master.as_str())
                    .copied()
                    .or_else(|| Some(self.seen.named(master.as_str())?.index))
            });
            let alias = self.owner.alias(&want.origin, want.alias.as_ref());
            let Work {
                switches,
                settings,
                adds,
                drops,
            } = link::update(want, alias, master, is);
            let on = |name: &str, change| step(*index, name, Some(&want.origin), change);
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
            drop.extend(drops.into_iter().map(|change| on(name, change)));
        }
        [create, switch, settle, add, drop].concat()
    }

    /// Sets aside what the plan no longer has.
    fn unwanted(&mut self, scope: &Scope) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut present = scope.present(self.seen);
        // Ports first, so that a bridge goes down only when nothing of ours hangs on it.
        present.sort_by_key(|is| is.master.is_none());
        for is in present {
            if !self.owner.owns(is)
                || self.displaced.contains_key(&is.index)
                || is
                    .name
                    .parse()
                    .is_ok_and(|name| self.want.link(&name).is_some())
            {
                continue;
            }
            if matches!(is.kind, SeenKind::Bridge { .. }) && self.guest(is.index).is_some() {
                self.plan.lingering.insert(is.index);
                continue;
            }
            steps.extend(set_aside(self.owner, is));
        }
        steps
    }
}

/// What makes the device carry nothing and wait to be destroyed.
fn set_aside(owner: &Owner, is: &SeenLink) -> Vec<Step> {
    let mut steps = Vec::new();
    let origin = owner.origin(is);
    let origin = origin.as_ref();
    if !own::is_doomed(is.group) || is.up || is.master.is_some() {
        let quiesce = Settings::quiesce(own::doomed_group(is.index));
        steps.push(set(is.index, &is.name, origin, quiesce));
    }
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
