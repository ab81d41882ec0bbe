//! The comparison for one daemon: what it has to be told, a phase at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::Gone;
use super::order::{ADD, DEFINE, FIRST, LAST, is_definition, way_of_target};
use crate::frr::config::Config;
use crate::frr::grammar::{Removal, Slot, Swap, is_anchor, neighbor, removal, section_slot, slot};
use crate::frr::step::{Act, Command, Written};
use weft_model::plan::frr::text::Place;

/// A line, and where it stands.
type At = (Place, String);

/// A line that is wanted, and the one of someone else's that is in its place.
pub(super) type Clash = (At, String);

/// The comparison for one daemon.
pub(super) struct Round<'a> {
    want: &'a Config,
    have: &'a Config,
    silent: &'a Config,
    written: &'a Written,
    gone: &'a Gone,
    closed: BTreeSet<Place>,
    /// Neighbors that go, by instance.
    forgotten: BTreeSet<(String, String)>,
    /// Lines that another takes the place of.
    replaced: BTreeSet<At>,
    /// Sections that are there under another header, by the wanted header.
    renamed: BTreeMap<String, String>,
    slots: BTreeMap<Place, BTreeMap<Slot, Vec<&'a str>>>,
    commands: [Vec<Command>; 4],
    clashes: Vec<Clash>,
}

impl<'a> Round<'a> {
    /// Compares what a daemon is to have with what it has, shows or not, and what of it is ours.
    pub(super) fn new(
        want: &'a Config,
        have: &'a Config,
        silent: &'a Config,
        written: &'a Written,
        gone: &'a Gone,
    ) -> Self {
        Self {
            want,
            have,
            silent,
            written,
            gone,
            closed: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            replaced: BTreeSet::new(),
            renamed: BTreeMap::new(),
            slots: BTreeMap::new(),
            commands: Default::default(),
            clashes: Vec::new(),
        }
    }

    /// What cannot be had, and what is said in each phase.
    pub(super) fn run(mut self) -> (Vec<Clash>, [Vec<Command>; 4]) {
        self.close();
        self.find_renamed();
        self.forget();
        self.open();
        self.add();
        self.remove();
        (self.clashes, self.commands)
    }

    fn say(&mut self, phase: usize, place: &Place, act: Act) {
        let place = place.clone();
        self.commands[phase].push(Command { place, act });
    }

    fn is_ours(&self, place: &Place, line: &str) -> bool {
        self.written.lines.has(place, line)
    }

    fn is_closed(&self, place: &Place) -> bool {
        self.closed.iter().any(|closed| place.is_in(closed))
    }

    /// Sections of ours in which nothing is anyone else's.
    fn close(&mut self) {
        // Back to front, so that instances of routing domains go before the default one.
        for place in self.gone.sections.iter().rev() {
            let how = removal(place);
            if how == Removal::Never || !self.have.has_section(place) || self.is_closed(place) {
                continue;
            }
            let mut inside = self.have.within(place);
            let is_ours_alone =
                inside.all(|(place, lines)| lines.iter().all(|line| self.is_ours(place, line)));
            if is_ours_alone && !self.is_needed(place) && !self.is_to_be_renamed(place) {
                self.closed.insert(place.clone());
            }
        }
        for place in self.closed.clone() {
            let is_inner = |outer: &Place| *outer != place && place.is_in(outer);
            if !self.closed.iter().any(is_inner) {
                let is_first = removal(&place) == Removal::First;
                let phase = if is_first { FIRST } else { LAST };
                self.say(phase, &place, Act::Close);
            }
        }
    }

    /// Whether it is the default BGP instance and others stay that need it: FRR keeps it then.
    fn is_needed(&self, place: &Place) -> bool {
        let is_instance = |header: &str| header.starts_with("router bgp ");
        let is_of_domain = |header: &str| is_instance(header) && header.contains(" vrf ");
        place.headers().len() == 1
            && is_instance(place.section())
            && !is_of_domain(place.section())
            && self
                .have
                .sections()
                .any(|(other, _)| is_of_domain(other.section()) && !self.is_closed(other))
    }

    /// Whether it is a rule of a route map that becomes another kind of rule: that is done in place.
    fn is_to_be_renamed(&self, place: &Place) -> bool {
        let of = section_slot(place.section());
        let wanted = || self.want.sections().map(|(other, _)| other);
        place.section().starts_with("route-map ")
            && wanted().any(|other| section_slot(other.section()) == of)
    }

    /// Sections that another is in the place of.
    fn find_renamed(&mut self) {
        let is_missing =
            |(place, _): &(&Place, _)| place.headers().len() == 1 && !self.have.has_section(place);
        let missing: Vec<&Place> = self
            .want
            .sections()
            .filter(is_missing)
            .map(|it| it.0)
            .collect();
        if missing.is_empty() {
            return;
        }
        let there: BTreeMap<String, &Place> = self
            .have
            .sections()
            .filter(|(place, _)| place.headers().len() == 1 && !self.is_closed(place))
            .map(|(place, _)| (section_slot(place.section()), place))
            .collect();
        for place in missing {
            let header = place.section();
            let Some(other) = there.get(&section_slot(header)) else {
                continue;
            };
            if header.starts_with("route-map ") && self.written.made.contains(*other) {
                self.renamed
                    .insert(header.to_owned(), other.section().to_owned());
            } else {
                let at = (Place::TOP, header.to_owned());
                self.clashes.push((at, other.section().to_owned()));
            }
        }
    }

    /// Where a wanted section's lines are now.
    fn now(&self, place: &Place) -> Place {
        match self.renamed.get(place.section()) {
            Some(other) => place.moved(other),
            None => place.clone(),
        }
    }

    /// Neighbors that go, or have to come anew because what makes them be there changes.
    fn forget(&mut self) {
        let anchors = |config: &Config, router: &Place, name: &str| -> BTreeSet<String> {
            let lines = config.lines(router).filter(|line| is_anchor(router, line));
            let of_it = lines.filter(|line| neighbor(router, line).as_deref() == Some(name));
            of_it.map(str::to_owned).collect()
        };
        let mut looked_at = BTreeSet::new();
        for (router, line) in self.gone.lines.all() {
            if !is_anchor(router, line) || !self.have.has(router, line) || self.is_closed(router) {
                continue;
            }
            let Some(name) = neighbor(router, line) else {
                continue;
            };
            if !looked_at.insert((router.clone(), name.clone())) {
                continue;
            }
            let (had, wanted) = (
                anchors(self.have, router, &name),
                anchors(self.want, router, &name),
            );
            let group = format!("neighbor {name} peer-group");
            let stays = if had.contains(&group) {
                wanted.contains(&group)
            } else {
                let by_system = |lines: &BTreeSet<String>| {
                    lines.len() == 1
                        && lines.iter().all(|line| {
                            line.contains(" remote-as ") && !line.contains(" interface ")
                        })
                };
                had.iter().any(|line| !self.gone.lines.has(router, line))
                    || (by_system(&had) && by_system(&wanted))
            };
            if stays {
                continue;
            }
            let anchor = if had.contains(&group) {
                group
            } else {
                forgetting(&had, &name)
            };
            let phase = if wanted.is_empty() { LAST } else { FIRST };
            self.say(phase, router, Act::Forget(anchor));
            self.forgotten
                .insert((router.section().to_owned(), name.clone()));
            if !wanted.is_empty() {
                self.bring_back(router, &name);
            }
        }
    }

    /// What others said of a neighbor that is made anew is said again.
    fn bring_back(&mut self, router: &Place, name: &str) {
        for (place, lines) in self.have.within(router) {
            for line in lines {
                let is_of_it = neighbor(place, line).as_deref() == Some(name);
                if is_of_it && !self.is_ours(place, line) && !self.want.has(place, line) {
                    self.say(ADD, place, Act::Add(line.clone()));
                }
            }
        }
    }

    fn is_forgotten(&self, place: &Place, line: &str) -> bool {
        !self.forgotten.is_empty()
            && neighbor(place, line)
                .is_some_and(|name| self.forgotten.contains(&(place.section().to_owned(), name)))
    }

    /// Sections that are not there yet.
    fn open(&mut self) {
        for (place, _) in self.want.sections() {
            let is_there = self.have.has_section(place) && !self.is_closed(place);
            if !is_there && removal(place) != Removal::Never {
                let phase = if is_definition(place, "") {
                    DEFINE
                } else {
                    ADD
                };
                self.say(phase, place, Act::Open);
            }
        }
    }

    fn add(&mut self) {
        for (place, lines) in self.want.sections() {
            let now = self.now(place);
            let is_new = self.is_closed(&now);
            // A route target that FRR did not need to be told is needed beside another.
            let is_fresh = |line: &&String| {
                !self.have.has(&now, line) && !self.silent.has(place, line.as_str())
            };
            let fresh = lines.iter().filter(is_fresh);
            let fresh: BTreeSet<&str> = fresh.filter_map(|it| way_of_target(it)).collect();
            for line in lines {
                let is_beside = way_of_target(line).is_some_and(|way| fresh.contains(way));
                let is_lost = is_new || self.is_forgotten(&now, line);
                if !is_lost && self.have.has(&now, line) {
                    continue;
                }
                let is_silent = self.silent.has(place, line) && !is_beside;
                if !is_lost && self.make_way(&now, line) == 0 && is_silent {
                    continue;
                }
                let phase = if is_definition(place, line) {
                    DEFINE
                } else {
                    ADD
                };
                self.say(phase, place, Act::Add(line.clone()));
            }
        }
    }

    /// Finds what else is said of the same thing; says how much there is.
    fn make_way(&mut self, place: &Place, line: &str) -> usize {
        let have = self.have;
        let index = self.slots.entry(place.clone()).or_insert_with(|| {
            let mut index: BTreeMap<Slot, Vec<&str>> = BTreeMap::new();
            for line in have.lines(place) {
                index.entry(slot(place, line).0).or_default().push(line);
            }
            index
        });
        let (of, swap) = slot(place, line);
        let others: Vec<&str> = index.get(&of).cloned().unwrap_or_default();
        let mut count = 0;
        for other in others {
            if self.want.has(place, other) || self.is_forgotten(place, other) {
                continue;
            }
            count += 1;
            if !self.is_ours(place, other) {
                let at = (place.clone(), line.to_owned());
                self.clashes.push((at, other.to_owned()));
            } else if self.replaced.insert((place.clone(), other.to_owned()))
                && swap == Swap::DeleteFirst
            {
                self.say(FIRST, place, Act::Remove(other.to_owned()));
            }
        }
        count
    }

    /// Whether another line takes the place of one that FRR does not show.
    fn is_replaced_unseen(&self, place: &Place, line: &str) -> bool {
        let (of, _) = slot(place, line);
        let mut wanted = self.want.lines(place);
        wanted.any(|wanted| slot(place, wanted).0 == of)
    }

    fn remove(&mut self) {
        let moved: BTreeMap<String, String> = self
            .renamed
            .iter()
            .map(|(new, old)| (old.clone(), new.clone()))
            .collect();
        for (place, line) in self.gone.lines.all() {
            let is_there = self.have.has(place, line) || self.silent.has(place, line);
            let at = (place.clone(), line.to_owned());
            if !is_there || self.is_closed(place) || self.replaced.contains(&at) {
                continue;
            }
            if !self.have.has(place, line) && self.is_replaced_unseen(place, line) {
                continue;
            }
            if self.is_forgotten(place, line) {
                continue;
            }
            let place = match moved.get(place.section()) {
                Some(new) if self.want.has(&place.moved(new), line) => continue,
                Some(new) => place.moved(new),
                None => place.clone(),
            };
            let phase = match slot(&place, line) {
                (_, Swap::DeleteFirst) if place.section().starts_with("vrf ") => FIRST,
                _ => LAST,
            };
            self.say(phase, &place, Act::Remove(line.to_owned()));
        }
    }
}

/// The words by which FRR forgets a neighbor that is no group.
fn forgetting(anchors: &BTreeSet<String>, name: &str) -> String {
    match anchors.iter().find(|line| line.contains(" interface ")) {
        Some(line) => line.clone(),
        None => format!("neighbor {name}"),
    }
}
