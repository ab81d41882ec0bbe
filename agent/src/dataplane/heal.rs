//! Putting right what someone else changed, or saying so.
//!
//! # Guarantees
//! A device is repaired a few times a minute at most; after that the other side wins, and it is
//! said who lost. A device whose zone says to leave it is left, and said once for each way in which
//! it differs; so is one that has a respite, which is healed when that is over.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tracing::{info, warn};
use weft_model::object::drift::DriftPolicy;
use weft_model::plan::{NodePlan, Origin};
use weft_model::report::{EventKind, Fault, NodeEvent};
use weft_node::driver::Driver;
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_node::step::{Change, Step};

use super::pace::WINDOW;
use super::task::Task;
use crate::respite::{Respites, moment, wall_clock};

/// What stands for the source translations where a device's name is asked for.
const NAT: &str = "";
/// What stands for FRR's configuration; no device can be called so.
const FRR: &str = "/frr";

/// How soon a repair that failed is tried again before it is told.
const AGAIN: Duration = Duration::from_millis(200);

/// How often it is looked whether a respite is over: a person may end it at any time.
const RESPITE: Duration = Duration::from_secs(2);

/// A device that differs, and how.
struct Difference {
    origin: Option<Origin>,
    is_missing: bool,
    changes: Vec<String>,
}

impl<D: Driver> Task<D> {
    /// Compares what changed with the target.
    pub(super) async fn heal(&mut self) {
        let (Some(owner), Some(target)) = (self.owner.clone(), self.target.clone()) else {
            return;
        };
        let scope = self.dirty.take();
        let planned = plan(&owner, &target, self.driver.seen(), &scope);
        let differences = differences(&target, &planned.steps);
        if let Scope::Some { names, .. } = &scope {
            self.told
                .retain(|name, _| !names.contains(name) || differences.contains_key(name));
        } else {
            self.told.retain(|name, _| differences.contains_key(name));
        }
        for fault in &planned.clashes {
            self.tell_once(&fault.attempt, EventKind::DriftFailed, fault);
        }
        let now = Instant::now();
        let respites = self.respites();
        self.left.clear();
        let mut healing = Scope::Some {
            names: [].into(),
            nat: false,
            frr: false,
        };
        let mut healed = Vec::new();
        for (name, difference) in differences {
            if policy(&target, &name) == DriftPolicy::Observe {
                self.left.insert(name.clone());
                let text = difference.observed(&name);
                self.observe(&name, difference.origin, text);
                continue;
            }
            let vnet = difference.origin.as_ref().and_then(|it| it.vnet());
            if let Some(until) = respites.until(vnet, wall_clock()) {
                let until = moment(until);
                let text = format!(
                    "{}; its healing is paused until {until}",
                    difference.observed(&name)
                );
                self.observe(&name, difference.origin, text);
                self.left.insert(name.clone());
                self.put_off([name].into_iter(), now + RESPITE);
                continue;
            }
            if let Err(until) = self.pace.allows(&name, now) {
                self.left.insert(name.clone());
                self.give_way(&name, difference.origin, until);
                continue;
            }
            self.pace.note(&name, now);
            healing = match healing.and([name.clone()]) {
                Scope::Some { names, nat, frr } => Scope::Some {
                    names,
                    nat: nat || name == NAT,
                    frr: frr || name == FRR,
                },
                Scope::All => Scope::All,
            };
            healed.push((name, difference));
        }
        if healed.is_empty() {
            return;
        }
        match self.reach(&owner, &target, healing).await {
            Ok(_) => {
                self.failed = false;
                for (name, difference) in healed {
                    // What is left over from another plan is cleared away, not repaired.
                    if name == NAT || name == FRR || is_wanted(&target, &name) {
                        let text = difference.healed(&name);
                        self.tell(EventKind::DriftHealed, difference.origin, text);
                    }
                }
            }
            Err(_) if !std::mem::replace(&mut self.failed, true) => {
                // What someone else does may take several moments, and this was in between.
                let names = healed.into_iter().map(|(name, _)| name);
                self.put_off(names, now + AGAIN);
            }
            Err(faults) => {
                self.failed = false;
                for fault in &faults {
                    self.tell_once(&fault.attempt, EventKind::DriftFailed, fault);
                }
                let names = healed.into_iter().map(|(name, _)| name);
                self.put_off(names, now + WINDOW / 12);
            }
        }
    }

    /// Who has a respite now. Where that cannot be read nobody has: a node that heals is the rule.
    fn respites(&self) -> Respites {
        let read = self.respites.as_ref().map(|folder| Respites::read(folder));
        read.transpose()
            .inspect_err(|error| warn!(error = error as &dyn std::error::Error, "respites"))
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Looks at these devices again at a later time.
    fn put_off(&mut self, names: impl Iterator<Item = String>, until: Instant) {
        for name in names {
            if name == NAT {
                self.dirty.nat = true;
            } else if name == FRR {
                self.dirty.frr = true;
            } else {
                self.dirty.names.insert(name);
            }
        }
        self.heal_at = Some(self.heal_at.map_or(until, |at| at.min(until)));
    }

    fn observe(&mut self, name: &str, origin: Option<Origin>, text: String) {
        if self.told.get(name) != Some(&text) {
            self.told.insert(name.to_owned(), text.clone());
            self.tell(EventKind::DriftObserved, origin, text);
        }
    }

    fn give_way(&mut self, name: &str, origin: Option<Origin>, until: Instant) {
        let text = format!(
            "{} is changed by someone else again and again and is left as it is for up to {} s",
            device(name),
            WINDOW.as_secs()
        );
        self.put_off([name.to_owned()].into_iter(), until);
        if self.told.get(name) != Some(&text) {
            self.told.insert(name.to_owned(), text.clone());
            self.tell(EventKind::DriftFailed, origin, text);
        }
    }

    fn tell_once(&mut self, key: &str, kind: EventKind, fault: &Fault) {
        let text = Fault {
            origin: None,
            ..fault.clone()
        }
        .to_string();
        if self.told.get(key) != Some(&text) {
            self.told.insert(key.to_owned(), text.clone());
            self.tell(kind, fault.origin.clone(), text);
        }
    }

    fn tell(&mut self, kind: EventKind, origin: Option<Origin>, message: String) {
        info!(kind = kind.as_str(), message, "drift");
        let event = NodeEvent {
            at: wall_clock(),
            kind,
            origin,
            message,
        };
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            warn!(
                message = event.message,
                "too many events, this one is not sent"
            );
        }
    }
}

fn is_wanted(target: &NodePlan, name: &str) -> bool {
    name.parse().is_ok_and(|name| target.link(&name).is_some())
}

fn policy(target: &NodePlan, name: &str) -> DriftPolicy {
    name.parse()
        .ok()
        .and_then(|name| target.link(&name))
        .map_or(DriftPolicy::Heal, |link| link.drift)
}

/// The steps by the device that the target has them for.
fn differences(target: &NodePlan, steps: &[Step]) -> BTreeMap<String, Difference> {
    let mut differences: BTreeMap<String, Difference> = BTreeMap::new();
    for step in steps {
        let (name, text, is_missing) = match step {
            Step::Link { name, change, .. } => {
                let name = wanted_name(name, change);
                let is_missing = matches!(change, Change::Create { .. } | Change::Plug(_));
                (name.to_owned(), step.to_string(), is_missing)
            }
            // No drift: a guest was plugged in, and its port gets what the vnet asks for.
            Step::Guest { name, .. } => (name.clone(), step.to_string(), false),
            Step::Nat(_) => (NAT.to_owned(), step.to_string(), false),
            Step::Frr(_) => (FRR.to_owned(), step.to_string(), false),
            Step::DestroyGroup { .. } | Step::Lend { .. } | Step::FrrKept(_) => continue,
        };
        let origin = name.parse().ok().and_then(|name| target.link(&name));
        let difference = differences.entry(name).or_insert_with(|| Difference {
            origin: origin.map(|link| link.origin.clone()),
            is_missing: false,
            changes: Vec::new(),
        });
        difference.is_missing |= is_missing;
        difference.changes.push(text);
    }
    differences
}

/// A device that gets its name back is counted under that name.
fn wanted_name<'a>(name: &'a str, change: &'a Change) -> &'a str {
    match change {
        Change::Set(settings) => settings.name.as_deref().unwrap_or(name),
        _ => name,
    }
}

fn device(name: &str) -> String {
    if name == NAT {
        "the table of source translations".to_owned()
    } else if name == FRR {
        "FRR's configuration".to_owned()
    } else {
        format!("device {name}")
    }
}

impl Difference {
    fn healed(&self, name: &str) -> String {
        let device = device(name);
        if self.is_missing {
            format!("{device} was deleted by someone else and is back")
        } else {
            let changes = self.changes.join("; ");
            format!("{device} was changed by someone else and is put right: {changes}")
        }
    }

    fn observed(&self, name: &str) -> String {
        let device = device(name);
        if self.is_missing {
            format!("{device} was deleted by someone else and is not made again")
        } else {
            let changes = self.changes.join("; ");
            format!("{device} was changed by someone else and is left; to do: {changes}")
        }
    }
}
