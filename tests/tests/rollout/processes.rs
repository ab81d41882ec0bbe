//! The production shells of controller and agent, each on a simulated host.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use weft_agent::connect::Road as AgentRoad;
use weft_agent::dataplane;
use weft_agent::fake::FakeDriver;
use weft_agent::session::clock::Clock;
use weft_agent::session::{self, Memory, Surroundings};
use weft_controller::api::server;
use weft_controller::member::{Member, Settings};
use weft_controller::store::Store;
use weft_controller::store::kv::Kv;
use weft_core::rollout::policy::Policy;
use weft_model::clock::{Moment, Span};
use weft_node::session::journal::BootId;

use super::host::{LEDGER, SimDisk};
use super::kernel::SimKernel;
use super::way::Road;
use super::wire;
use super::world::{Who, World, node_name};

/// Shorter than in production by the same factor, so that a run takes a minute of virtual time.
pub fn policy() -> Policy {
    Policy {
        contact: Span::from_secs(4),
        keep_alive: Span(800),
        prepare: Span::from_secs(10),
        settle: Span::from_secs(5),
        cap: Span::from_secs(60),
        ..Policy::default()
    }
}

/// How long another controller waits for a leader that does not answer.
const LEADER_LEASE: Duration = Duration::from_secs(2);

/// How long systemd waits before it starts a process that ended again.
const RESTART: Duration = Duration::from_millis(500);

/// A controller's process, from its start to its crash.
pub async fn controller(world: Arc<World>, number: usize) -> turmoil::Result {
    let who = Who::Controller(number);
    let way = Road {
        world: Arc::clone(&world),
        number,
    };
    let store = Store::over(Kv::far(world.memory.clone(), Arc::new(way)));
    let stop = CancellationToken::new();
    let settings = || Settings {
        lease: LEADER_LEASE,
        policy: policy(),
        ..Settings::of(who.name(), format!("{}:{}", who.name(), wire::PORT))
    };
    let member = loop {
        match Member::open(store.clone(), settings(), stop.clone()).await {
            Ok(member) => break member,
            Err(_) => tokio::time::sleep(RESTART).await,
        }
    };
    let incoming = wire::listen(Arc::clone(&world), who).await?;
    world.lock().controls[number].desk = Some(member.desk());
    server::serve_incoming(incoming, member.desk(), member.gate(), stop).await?;
    world.break_law(format!("{} ended of itself", who.name()));
    Ok(())
}

/// An agent's process, started again whenever it ends.
pub async fn agent(world: Arc<World>, number: usize, controllers: usize) -> turmoil::Result {
    loop {
        let ended = run(&world, number, controllers).await;
        if world.has_fallen(Who::Agent(number)) {
            std::future::pending::<()>().await;
        }
        world.note(|| format!("{} ended: {ended:?}", node_name(number)));
        tokio::time::sleep(RESTART).await;
    }
}

async fn run(world: &Arc<World>, number: usize, controllers: usize) -> Result<(), String> {
    let (kernel, boot, booted, rate) = {
        let state = world.lock();
        let host = &state.hosts[number];
        (host.kernel.clone(), host.boot, host.booted, host.rate)
    };
    let disk = Arc::new(SimDisk {
        world: Arc::clone(world),
        number,
    });
    let memory = Memory::open_on(disk, LEDGER.as_ref()).map_err(|error| {
        let read_only = world.lock().hosts[number].read_only;
        if !read_only && !world.has_fallen(Who::Agent(number)) {
            world.break_law(format!("{} cannot start: {error:?}", node_name(number)));
        }
        error.to_string()
    })?;
    let driver = SimKernel {
        world: Arc::clone(world),
        number,
        inner: FakeDriver::new(kernel),
    };
    let opened = dataplane::open_with(driver, memory.cluster()).await;
    let (ready, _is_ready) = oneshot::channel();
    let clock = Clock::new(move || {
        let now = turmoil::sim_elapsed().unwrap_or_default().as_millis() as u64;
        Moment(5_000 + now.saturating_sub(booted) * rate / 1_000)
    });
    let end = (Arc::clone(world), Who::Agent(number));
    let road = AgentRoad::new(move |endpoint| Box::pin(wire::connect(endpoint, Some(end.clone()))));
    let first = number % controllers;
    let settings = session::Settings {
        node: node_name(number)
            .parse()
            .map_err(|error| format!("{error}"))?,
        controllers: (0..controllers)
            .map(|it| Who::Controller((it + first) % controllers).name())
            .map(|name| format!("http://{name}:{}", wire::PORT).parse().unwrap())
            .collect(),
        boot: BootId(format!("boot {boot}")),
        ready,
        pulse: None,
        retry: Arc::new(Notify::new()),
        surroundings: Surroundings {
            clock,
            road,
            ..Surroundings::default()
        },
    };
    let ended = session::run(settings, memory, opened, CancellationToken::new()).await;
    ended.map_err(|error| format!("{error:?}"))
}
