//! An FRR in memory, as strict as the real one.

use std::collections::BTreeMap;

use weft_model::plan::NodePlan;

use super::config::Config;
use super::daemon::{Daemon, split};
use super::difference::{Difference, SeenFrr, difference};
use super::grammar::{Swap, is_anchor, neighbor, section_slot, slot};
use super::step::{Act, Command, Written};
use super::version::Version;
use super::want::Want;
use weft_model::plan::frr::text::Place;

pub(super) const DAEMONS: [Daemon; 8] = [
    Daemon::Zebra,
    Daemon::Staticd,
    Daemon::Bfdd,
    Daemon::Ospfd,
    Daemon::Isisd,
    Daemon::Fabricd,
    Daemon::Bgpd,
    Daemon::Pimd,
];

pub(super) fn version() -> Version {
    Version::OLDEST
}

/// What one daemon does when it is told something.
fn tell(config: &mut Config, Command { place, act }: &Command) -> Result<(), String> {
    if let Some(header) = place.headers().first()
        && !matches!(act, Act::Close)
    {
        let of = section_slot(header);
        let other = config
            .sections()
            .map(|(place, _)| place.clone())
            .find(|it| {
                it.headers().len() == 1
                    && it.section() != header
                    && section_slot(it.section()) == of
            });
        if let Some(other) = other {
            if !header.starts_with("route-map ") {
                return Err(format!("{header}: there is {other}"));
            }
            let lines: Vec<String> = config.lines(&other).map(str::to_owned).collect();
            config.remove_section(&other);
            config.open(place).extend(lines);
        }
        config.open(place);
    }
    match act {
        Act::Open => {}
        Act::Add(line) => {
            let router: Place = [place.section()].into_iter().collect();
            if let Some(name) = neighbor(place, line)
                && !is_anchor(place, line)
                && !config.lines(&router).any(|it| {
                    is_anchor(&router, it) && neighbor(&router, it).as_ref() == Some(&name)
                })
            {
                return Err(format!("{line}: there is no such neighbor"));
            }
            if let Some((_, group)) = line.split_once(" peer-group ")
                && !config.has(&router, &format!("neighbor {group} peer-group"))
            {
                return Err(format!("{line}: there is no such group"));
            }
            let (of, swap) = slot(place, line);
            let same: Vec<String> = config
                .lines(place)
                .filter(|it| slot(place, it).0 == of)
                .map(str::to_owned)
                .collect();
            for other in same {
                if swap == Swap::DeleteFirst && other != *line {
                    return Err(format!("{line}: there is {other}"));
                }
                config.remove(place, &other);
            }
            config.add(place, line.as_str());
        }
        Act::Remove(line) => {
            if !config.remove(place, line) {
                return Err(format!("{line}: is not there"));
            }
        }
        Act::Forget(line) => {
            let name = neighbor(place, line).ok_or("no neighbor")?;
            let found: Vec<(Place, String)> = config
                .within(place)
                .flat_map(|(place, lines)| {
                    lines.iter().map(move |line| (place.clone(), line.clone()))
                })
                .filter(|(place, line)| neighbor(place, line).as_ref() == Some(&name))
                .collect();
            if found.is_empty() {
                return Err(format!("{name}: is not there"));
            }
            let group = format!(" peer-group {name}");
            if line.ends_with(" peer-group") && config.lines(place).any(|it| it.ends_with(&group)) {
                return Err(format!("{name}: has members"));
            }
            for (place, line) in found {
                config.remove(&place, &line);
            }
        }
        Act::Close => {
            if !config.has_section(place) {
                return Err(format!("{place}: is not there"));
            }
            if place.header() == "router bgp 65000"
                && config
                    .sections()
                    .any(|(it, _)| it.section().starts_with("router bgp 65000 vrf"))
            {
                return Err("there are instances of other routing domains".to_owned());
            }
            config.remove_section(place);
        }
    }
    Ok(())
}

/// What is said and shown of a configuration: not sections that are there for their lines alone.
pub(super) fn shown(config: &Config) -> Config {
    let mut shown = Config::default();
    for (place, lines) in config.sections() {
        if super::grammar::removal(place) != super::grammar::Removal::Never && place != &Place::TOP
        {
            shown.open(place);
        }
        for line in lines {
            shown.add(place, line.as_str());
        }
    }
    shown
}

pub(super) struct Node {
    pub(super) seen: SeenFrr,
}

impl Node {
    pub(super) fn new(foreign: &Config) -> Self {
        let mut running: BTreeMap<Daemon, Config> = DAEMONS
            .iter()
            .map(|daemon| (*daemon, Config::default()))
            .collect();
        running.extend(split(foreign, version(), DAEMONS));
        Self {
            seen: SeenFrr {
                version: version(),
                running,
                written: Written::default(),
                silent: BTreeMap::new(),
            },
        }
    }

    pub(super) fn reach(&mut self, plan: &NodePlan) -> Result<Difference, String> {
        let want = Want::new(plan, version());
        let difference = difference(&want, &self.seen);
        if let Some(clash) = difference.clashes.first() {
            return Err(clash.to_string());
        }
        for saying in &difference.sayings {
            let config = self
                .seen
                .running
                .get_mut(&saying.daemon)
                .ok_or("not running")?;
            for command in &saying.commands {
                tell(config, command).map_err(|why| format!("{saying}: {why}"))?;
            }
        }
        self.seen.written = difference.written.clone();
        Ok(difference)
    }

    pub(super) fn shown(&self) -> BTreeMap<Daemon, Config> {
        let all = self.seen.running.iter();
        all.map(|(daemon, config)| (*daemon, shown(config)))
            .collect()
    }
}
