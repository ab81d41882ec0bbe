//! One run: a cluster in a simulated network, step by step, until all is at rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turmoil::{Builder, Sim};
use weft_controller::engine::port::Role;
use weft_controller::status::rollout::running;
use weft_node::session::journal::State as Stands;

use super::calls;
use super::laws;
use super::processes;
use super::storm::Storm;
use super::user::{self, Manner, People};
use super::world::{Blow, Who, World, node_name};

/// A step of the simulation: messages arrive at steps.
const STEP: Duration = Duration::from_millis(10);

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The law that was broken, if one was.
    pub result: Result<(), String>,
    /// A sum of all that happened.
    pub digest: u64,
    /// How long it took, in simulated milliseconds.
    pub time: u64,
    /// How many effects each process had, and what they were.
    pub hits: Vec<(Who, u64)>,
    pub names: BTreeSet<String>,
    /// What befell the cluster.
    pub seen: BTreeSet<String>,
    /// How many changes were made to kernels.
    pub made: u64,
}

/// Bugs that are made on purpose, to see that they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bug {
    None,
    /// A crash of an agent loses the last journal that was written.
    ForgetfulDisk,
    /// The clocks of nodes run far faster than the protocol allows for.
    FastClocks,
    /// What a stage wrote is not on the disk, although the disk said so.
    HollowStage,
}

/// What may happen in a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub hosts: usize,
    pub controllers: usize,
    pub rollouts: u64,
    /// For how long there are faults, in milliseconds; without faults, how long people act.
    pub trouble: u64,
    /// How often there is one, on average, in milliseconds; none is never.
    pub faults_every: Option<u64>,
    pub manner: Manner,
    /// What befalls a process, and at which of its effects.
    pub blow: Option<(Who, u64, Blow)>,
    /// A host that cannot do what the change needs.
    pub unable: Option<usize>,
    pub bug: Bug,
}

impl Setup {
    pub const CALM: Self = Self {
        hosts: 3,
        controllers: 1,
        rollouts: 1,
        trouble: 60_000,
        faults_every: None,
        manner: Manner::Usual,
        blow: None,
        unable: None,
        bug: Bug::None,
    };
}

/// Longer than every time of the protocol one after the other, and the longest rest of a node whose
/// catching up failed.
const REST: u64 = 400_000;

/// Runs one seed in this process, which must not have run one before.
pub fn run(seed: u64, setup: Setup) -> Ran {
    calls::begin(seed);
    let world = World::new(seed, setup.hosts, setup.controllers);
    let result = drive(seed, setup, &world);
    calls::end();
    let digest = world.digest();
    let state = world.lock();
    Ran {
        result,
        digest,
        time: world.now(),
        hits: state.hits.iter().map(|(who, hits)| (*who, *hits)).collect(),
        names: state.names.clone(),
        seen: state.seen.iter().map(ToString::to_string).collect(),
        made: state.made,
    }
}

fn drive(seed: u64, setup: Setup, world: &Arc<World>) -> Result<(), String> {
    let mut sim = Builder::new()
        .tick_duration(STEP)
        .simulation_duration(Duration::from_secs(36_000))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(40))
        .tcp_capacity(1_024)
        .enable_random_order()
        .rng_seed(seed)
        .build();
    {
        let mut state = world.lock();
        state.stormy = setup.faults_every.is_some();
        state.blow = setup.blow;
        state.bug = setup.bug;
        if setup.bug == Bug::FastClocks {
            for host in &mut state.hosts {
                host.rate = 3_000;
            }
        }
        if let Some(number) = setup.unable {
            let kernel = &state.hosts[number].kernel;
            kernel.set_facts(|facts| facts.device_types.clear());
        }
    }
    for number in 0..setup.controllers {
        let world = Arc::clone(world);
        sim.host(Who::Controller(number).name(), move || {
            processes::controller(Arc::clone(&world), number)
        });
    }
    for number in 0..setup.hosts {
        let world = Arc::clone(world);
        sim.host(node_name(number), move || {
            processes::agent(Arc::clone(&world), number, setup.controllers)
        });
    }
    let people = People {
        rollouts: setup.rollouts,
        hosts: setup.hosts,
        controllers: setup.controllers,
        manner: setup.manner,
    };
    let (actor, watcher) = (Arc::clone(world), Arc::clone(world));
    sim.host("ada", move || user::act(Arc::clone(&actor), people));
    sim.host("bob", move || user::watch(Arc::clone(&watcher), people));
    let every = setup.faults_every.unwrap_or(u64::MAX / 4);
    let mut storm = Storm::new(3_000, every);
    steps(&mut sim, setup, world, &mut storm)
}

fn steps(sim: &mut Sim<'_>, setup: Setup, world: &World, storm: &mut Storm) -> Result<(), String> {
    loop {
        let now = world.now() + STEP.as_millis() as u64;
        world.set_now(now);
        calls::advance(now);
        sim.step()
            .map_err(|error| format!("at {now} ms: {error}"))?;
        world.memory.end_leases();
        storm.blow(world, sim);
        look(world);
        let (broken, done) = {
            let mut state = world.lock();
            let done = setup.faults_every.is_none()
                && state.began.len() as u64 >= setup.rollouts
                && state
                    .records
                    .values()
                    .all(|it| it.phase.decision().is_some());
            if !state.quiet && (done || now >= setup.trouble) {
                state.quiet = true;
            }
            (state.broken.take(), state.quiet)
        };
        if let Some(law) = broken {
            return Err(format!("at {now} ms: {law}"));
        }
        // To look at everything costs more than a step.
        if done && now.is_multiple_of(200) {
            match unrest(world) {
                None => return finish(world),
                Some(unrest) if now > setup.trouble + REST => {
                    return Err(format!("does not come to rest: {unrest}"));
                }
                Some(_) => {}
            }
        }
    }
}

/// What every controller shows is true, at every step.
fn look(world: &World) {
    let desks: Vec<_> = {
        let state = world.lock();
        let desks = state.controls.iter().filter_map(|it| it.desk.clone());
        desks.collect()
    };
    for desk in desks {
        let shown = desk.board.read(|state| {
            let course = state.course.as_ref()?;
            Some(running(course, state.clock.now()))
        });
        if let Some(rollout) = shown {
            laws::shown(world, &rollout);
        }
    }
}

/// What is not at rest.
fn unrest(world: &World) -> Option<String> {
    let state = world.lock();
    let active = state
        .records
        .values()
        .find(|it| !matches!(it.phase, weft_core::rollout::record::Phase::Closed { .. }));
    if let Some(active) = active {
        return Some(format!("rollout {} is {:?}", active.id, active.phase));
    }
    let mut leads = state.controls.iter().filter_map(|it| it.desk.as_ref());
    let leader = leads.rfind(|desk| matches!(&*desk.roles.borrow(), Role::Leading { .. }));
    let Some(leader) = leader else {
        return Some("nobody leads".to_owned());
    };
    let head = leader.board.head();
    for (number, host) in state.hosts.iter().enumerate() {
        let name = node_name(number);
        let wanted = head.target(&name.parse().unwrap());
        let confirmed = host.journal.confirmed.target;
        let settled = host.journal.state == Stands::Idle;
        if confirmed.digest != wanted.digest || !settled {
            return Some(format!("{name} should be {wanted:?}: {:?}", host.journal));
        }
        if !laws::runs(host, wanted.digest) {
            let lacks = laws::lacks(host, wanted.digest);
            return Some(format!("{name} does not run {wanted:?}: {lacks:?}"));
        }
    }
    None
}

/// All is at rest: the history says what became of every rollout, and so does the audit.
fn finish(world: &World) -> Result<(), String> {
    use futures::FutureExt;
    let audits = world.store.audits(100_000).now_or_never();
    let Some(Ok(audits)) = audits else {
        return Err("the audit cannot be read".to_owned());
    };
    let head = world.store.head().now_or_never();
    let Some(Ok(head)) = head else {
        return Err("the head cannot be read".to_owned());
    };
    let state = world.lock();
    let count = |action: &str, id: u64| {
        let about = format!("rollout {id} to revision ");
        let of = audits.iter().filter(|it| it.action == action);
        of.filter(|it| it.detail.starts_with(&about)).count()
    };
    let mut last = 0;
    for (id, record) in &state.records {
        let commit = state.decisions[id];
        if commit {
            last = record.to.0;
        }
        let found = [
            "rollout.start",
            "rollout.commit",
            "rollout.abort",
            "rollout.close",
        ]
        .map(|action| count(action, id.0));
        let expected = [1, usize::from(commit), usize::from(!commit), 1];
        if found != expected {
            return Err(format!(
                "the audit of rollout {id} has {found:?}, not {expected:?}"
            ));
        }
    }
    if head.revision.0 != last {
        return Err(format!(
            "the head is {}, the last commit {last}",
            head.revision
        ));
    }
    Ok(())
}
