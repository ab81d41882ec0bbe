//! What all parts of a simulation share: the store, the hosts' disks and kernels, chance, and the
//! book of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft_controller::api::desk::Desk;
use weft_controller::store::Store;
use weft_controller::store::kv::Kv;
use weft_controller::store::kv::memory::MemoryKv;
use weft_core::rollout::record::Record;
use weft_model::name::NodeName;
use weft_model::revision::RolloutId;

use super::chance::Chance;
use super::host::Host;
use super::run::Bug;
use super::way::Straight;

/// A process of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Who {
    Controller(usize),
    Agent(usize),
}

impl Who {
    /// The host's name in the simulated network.
    pub fn name(self) -> String {
        match self {
            Self::Controller(number) => format!("c{number}"),
            Self::Agent(number) => node_name(number),
        }
    }
}

pub fn node_name(number: usize) -> String {
    format!("n{number:02}")
}

pub fn node_number(name: &NodeName) -> usize {
    name.as_str()[1..].parse().unwrap()
}

/// What befalls a process at one of its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blow {
    /// It crashes before the effect.
    Crash,
    /// Its host goes down before the effect.
    Reboot,
    /// An agent is cut off from all controllers, for longer than the contact lease.
    Cut,
    /// A person says something.
    Say(Order),
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    Pause,
    Resume,
    Confirm,
    Abort,
}

/// One controller.
#[derive(Default)]
pub struct Control {
    /// What its services work with, while it runs.
    pub desk: Option<Desk>,
    /// Until when it cannot reach the store, in milliseconds.
    pub cut_until: u64,
    /// When the store was last out of its reach, or an answer of it lost.
    pub troubled: u64,
}

/// What is shared.
pub struct World {
    state: Mutex<State>,
    pub memory: MemoryKv,
    /// The store as it is, without a way that it is far away on.
    pub store: Store,
    now: Arc<AtomicU64>,
}

pub struct State {
    pub chance: Chance,
    pub hosts: Vec<Host>,
    pub controls: Vec<Control>,
    /// The first law that was broken.
    pub broken: Option<String>,
    /// Faults happen.
    pub stormy: bool,
    /// The faults are over, and all is to come to rest.
    pub quiet: bool,
    /// Processes that crash in this step: nothing more comes of what they do.
    pub fallen: BTreeSet<Who>,
    /// How many effects each process has had.
    pub hits: BTreeMap<Who, u64>,
    /// What they were.
    pub names: BTreeSet<String>,
    /// What befalls a process, and at which of its effects.
    pub blow: Option<(Who, u64, Blow)>,
    /// It happened in this step.
    pub struck: Option<(Who, Blow)>,
    /// What a person is to say at once.
    pub order: Option<Order>,
    /// How many changes were made to kernels.
    pub made: u64,
    pub bug: Bug,
    pub seen: BTreeSet<&'static str>,
    /// The rollouts, as they were last stored.
    pub records: BTreeMap<RolloutId, Record>,
    /// When each was first stored.
    pub began: BTreeMap<RolloutId, u64>,
    /// Rollouts that were durable as applying once.
    pub applying: BTreeSet<RolloutId>,
    /// What was decided of each; never changes.
    pub decisions: BTreeMap<RolloutId, bool>,
    trace: DefaultHasher,
    told: bool,
}

impl World {
    pub fn new(seed: u64, hosts: usize, controllers: usize) -> Arc<Self> {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let memory = MemoryKv::with_clock(Arc::new(move || {
            Duration::from_millis(clock.load(Ordering::Relaxed))
        }));
        let mut chance = Chance::new(seed);
        let hosts = (0..hosts).map(|it| Host::new(it, &mut chance)).collect();
        Arc::new(Self {
            store: Store::over(Kv::far(memory.clone(), Arc::new(Straight))),
            memory,
            now,
            state: Mutex::new(State {
                chance,
                hosts,
                controls: (0..controllers).map(|_| Control::default()).collect(),
                broken: None,
                stormy: false,
                quiet: false,
                fallen: BTreeSet::new(),
                hits: BTreeMap::new(),
                names: BTreeSet::new(),
                blow: None,
                struck: None,
                order: None,
                made: 0,
                bug: Bug::None,
                seen: BTreeSet::new(),
                records: BTreeMap::new(),
                began: BTreeMap::new(),
                applying: BTreeSet::new(),
                decisions: BTreeMap::new(),
                trace: DefaultHasher::new(),
                told: std::env::var_os("WEFT_TRACE").is_some(),
            }),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the simulation is, in milliseconds; to a step.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub fn set_now(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    pub fn has_fallen(&self, who: Who) -> bool {
        self.lock().fallen.contains(&who)
    }

    /// Counts an effect that is about to happen; whether the process is gone and it does not.
    pub fn hit(&self, who: Who, name: &str) -> bool {
        self.lock().hit(who, name)
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        let now = self.now();
        self.lock().note(now, what);
    }

    pub fn break_law(&self, law: String) {
        self.lock().break_law(law);
    }

    /// A sum of all that happened.
    pub fn digest(&self) -> u64 {
        self.lock().trace.finish()
    }
}

impl State {
    pub fn hit(&mut self, who: Who, name: &str) -> bool {
        if self.fallen.contains(&who) {
            return true;
        }
        let count = self.hits.entry(who).or_default();
        *count += 1;
        let count = *count;
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
        match self.blow {
            Some((whose, hit, blow)) if (whose, hit) == (who, count) => {
                match blow {
                    Blow::Say(order) => self.order = Some(order),
                    Blow::Crash | Blow::Reboot | Blow::Cut => self.struck = Some((who, blow)),
                }
                let dies = matches!(blow, Blow::Crash | Blow::Reboot);
                if dies {
                    self.fallen.insert(who);
                }
                dies
            }
            Some(_) | None => false,
        }
    }

    pub fn note(&mut self, now: u64, what: impl FnOnce() -> String) {
        let line = format!("{now} {}", what());
        if self.told {
            println!("{line}");
        }
        line.hash(&mut self.trace);
    }

    /// Only the first counts: what comes after it may come of it.
    pub fn break_law(&mut self, law: String) {
        self.broken.get_or_insert(law);
    }
}
