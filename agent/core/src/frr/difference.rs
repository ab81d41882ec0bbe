//! What has to be said so that FRR is what is wanted.
//!
//! # The order
//! 1. What must be gone before something else can come: a VNI before another routing domain has it,
//!    a BGP instance before one with another AS number, a neighbor before it joins another group.
//! 2. What others speak of: lists, route maps, profiles. They are changed in place.
//! 3. All else that comes or changes, a routing domain before its BGP instance, a group before its
//!    members.
//! 4. What goes: those that speak of something before what they speak of.
//!
//! So at no moment a route map or a route target is away that is there before and after.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::report::Fault;

use super::config::Config;
use super::daemon::{Daemon, split};
use super::grammar::section_slot;
use super::step::{Act, Command, Saying, Written};
use super::version::{Version, Without};
use super::want::Want;
use weft_model::plan::frr::text::Place;

mod order;

mod round;

use order::sayings;
use round::Round;

/// What an FRR has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFrr {
    /// Its version.
    pub version: Version,
    /// What each daemon that runs has.
    pub running: BTreeMap<Daemon, Config>,
    /// What of it we wrote.
    pub written: Written,
    /// Lines that daemons took and do not show, because they say what is so anyway.
    pub silent: BTreeMap<Daemon, Config>,
}

/// What has to be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What is said, in order.
    pub sayings: Vec<Saying>,
    /// What cannot be had.
    pub clashes: Vec<Fault>,
    /// What of FRR's configuration will be ours once all is said.
    pub written: Written,
}

/// What has to be said so that FRR is what is wanted. Pure, and the same for the same arguments.
pub fn difference(want: &Want, seen: &SeenFrr) -> Difference {
    let mut all = Difference::default();
    all.clashes.extend(refused(want, seen));
    let gone = Gone::new(want, &seen.written);
    let empty = Config::default();
    let mut parts = split(&want.config, seen.version, seen.running.keys().copied());
    for daemon in seen.running.keys() {
        parts.entry(*daemon).or_default();
    }
    let mut commands: [Vec<(Daemon, Command)>; 4] = Default::default();
    for (daemon, part) in &parts {
        let Some(have) = seen.running.get(daemon) else {
            all.clashes.push(not_running(want, *daemon, part));
            continue;
        };
        let round = Round::new(
            part,
            have,
            seen.silent.get(daemon).unwrap_or(&empty),
            &seen.written,
            &gone,
        );
        let (clashes, found) = round.run();
        for (line, other) in clashes {
            all.clashes.push(clash(want, &line.0, &line.1, &other));
        }
        for (phase, found) in commands.iter_mut().zip(found) {
            phase.extend(found.into_iter().map(|command| (*daemon, command)));
        }
    }
    all.written = written(want, seen, &commands);
    for (phase, found) in commands.into_iter().enumerate() {
        all.sayings.extend(sayings(want, phase, found));
    }
    all
}

/// What of the configuration will be ours.
fn written(want: &Want, seen: &SeenFrr, commands: &[Vec<(Daemon, Command)>; 4]) -> Written {
    let mut written = Written::default();
    for (place, line) in seen.written.lines.all() {
        if want.config.has(place, line) {
            written.lines.add(place, line);
        } else if let Some(other) = renamed(want, place)
            && want.config.has(&other, line)
        {
            written.lines.add(&other, line);
        }
    }
    let kept = seen
        .written
        .made
        .iter()
        .filter(|place| want.config.has_section(place));
    written.made.extend(kept.cloned());
    for (_, Command { place, act }) in commands.iter().flatten() {
        match act {
            Act::Open => drop(written.made.insert(place.clone())),
            // A neighbor that is made anew brings what others said of it back.
            Act::Add(line) if want.config.has(place, line) => {
                written.lines.add(place, line.as_str());
            }
            Act::Add(_) | Act::Remove(_) | Act::Forget(_) | Act::Close => {}
        }
    }
    written
}

/// The rule of a route map that a rule becomes, where it becomes one of another kind.
fn renamed(want: &Want, place: &Place) -> Option<Place> {
    if !place.section().starts_with("route-map ") || want.config.has_section(place) {
        return None;
    }
    let of = section_slot(place.section());
    let mut wanted = want.config.sections().map(|(other, _)| other);
    wanted
        .find(|other| section_slot(other.section()) == of)
        .cloned()
}

/// What we wrote and nobody wants any more.
struct Gone {
    lines: Config,
    sections: BTreeSet<Place>,
}

impl Gone {
    fn new(want: &Want, written: &Written) -> Self {
        let mut lines = Config::default();
        for (place, line) in written.lines.all() {
            if !want.config.has(place, line) {
                lines.add(place, line);
            }
        }
        let made = written.made.iter();
        let sections = made
            .filter(|place| !want.config.has_section(place))
            .cloned()
            .collect();
        Self { lines, sections }
    }
}

fn refused(want: &Want, seen: &SeenFrr) -> impl Iterator<Item = Fault> {
    want.unknown
        .iter()
        .filter(|unknown| unknown.without == Without::Refuse)
        .map(|unknown| Fault {
            origin: want.origin(&unknown.place, &unknown.line).cloned(),
            attempt: format!("cannot configure FRR: {}: {}", unknown.place, unknown.line),
            cause: format!("FRR {} does not know it", seen.version),
            advice: unknown.reason.to_owned(),
        })
}

fn not_running(want: &Want, daemon: Daemon, part: &Config) -> Fault {
    let first = part.sections().find_map(|(place, lines)| {
        let line = lines.iter().next().map_or("", String::as_str);
        want.origin(place, line).cloned()
    });
    Fault {
        origin: first,
        attempt: format!("cannot configure FRR's {daemon}"),
        cause: "it is not running".to_owned(),
        advice: format!("set {daemon}=yes in /etc/frr/daemons and restart FRR"),
    }
}

fn clash(want: &Want, place: &Place, line: &str, other: &str) -> Fault {
    let at = if *place == Place::TOP {
        String::new()
    } else {
        format!("{place}: ")
    };
    Fault {
        origin: want.origin(place, line).cloned(),
        attempt: format!("cannot configure FRR: {at}{line}"),
        cause: format!("there is {other:?}, which Weft did not write"),
        advice: "take that line out of FRR's configuration, or keep the node out of it".to_owned(),
    }
}
