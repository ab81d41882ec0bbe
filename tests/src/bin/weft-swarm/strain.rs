//! What only shows after a while or under strain: clients that do not read, and many rollouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;
use weft_proto::v1;
use weft_proto::v1::objects_client::ObjectsClient;
use weft_proto::v1::watch_event::Event;

use crate::agent::Swarm;
use crate::controller::Controller;
use crate::figures::Figures;
use crate::user::{FEW, put, put_and_delete, rollout, vnet_in, zone};

mod stuck;

/// How long anything may take before it is given up.
const LIMIT: Duration = Duration::from_secs(60);

/// How many clients watch and read.
const READERS: usize = 100;

/// How many of the agents' number do not read.
const STUCK_OF_A_HUNDRED: u32 = 1;

/// How often a change is shown to the readers.
const CHANGES: u64 = 20;

/// How many objects are changed in front of those that do not read: more than fits on the way to
/// one of them.
const MANY: usize = 2_000;

/// Measures readers alone, and beside clients that do not read.
pub async fn watchers(
    controller: &mut Controller,
    channel: &Channel,
    size: u32,
    figures: &mut Figures,
) -> Result<()> {
    let readers = Readers::start(channel).await?;
    let alone = readers.reached_by(channel, 0).await?;
    figures.spread("watchers: shown a change", alone);

    let count = (size * STUCK_OF_A_HUNDRED / 100).max(10);
    let before = controller.usage().await?;
    let mut stuck = JoinSet::new();
    for _ in 0..count {
        stuck.spawn(stuck::watch(controller.address));
    }
    let names = (0..MANY).map(|number| format!("m{number:05}"));
    let vnets = names.map(|name| vnet_in(&name, "few"));
    put(channel, vnets.collect()).await?;
    let beside = readers.reached_by(channel, CHANGES).await?;
    figures.spread("watchers: shown a change beside stuck ones", beside);
    let after = controller.usage().await?;
    ensure!(stuck.try_join_next().is_none(), "a stuck client got away");
    figures.put(
        "watchers: memory of a stuck one, KiB",
        (after.memory - before.memory) / f64::from(count),
    );
    Ok(())
}

/// Clients that read, and the change that each was shown last.
struct Readers {
    seen: Arc<Vec<AtomicU64>>,
    clock: Instant,
    _running: JoinSet<()>,
}

impl Readers {
    async fn start(channel: &Channel) -> Result<Self> {
        let seen: Arc<Vec<_>> = Arc::new((0..READERS).map(|_| AtomicU64::default()).collect());
        let clock = Instant::now();
        let mut running = JoinSet::new();
        for index in 0..READERS {
            let mut client = ObjectsClient::new(channel.clone());
            let request = v1::WatchRequest {
                kind: v1::Kind::Zone.into(),
                from_version: 0,
            };
            let answer = client.watch(request).await.context("cannot watch")?;
            let (mut events, seen) = (answer.into_inner(), Arc::clone(&seen));
            running.spawn(async move {
                while let Ok(Some(event)) = events.message().await {
                    let now = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
                    if let Some(Event::Put(_)) = event.event
                        && event.version > 0
                        && let Some(seen) = seen.get(index)
                    {
                        seen.store(now, Ordering::Relaxed);
                    }
                }
            });
        }
        Ok(Self {
            seen,
            clock,
            _running: running,
        })
    }

    /// When each of some changes reached each reader, counted from when it was asked for.
    async fn reached_by(&self, channel: &Channel, first: u64) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for number in first..first + CHANGES {
            let mut shown = zone("shown", 1);
            if let Some(metadata) = &mut shown.metadata {
                let label = ("change".to_owned(), number.to_string());
                metadata.labels = [label].into();
            }
            let began = u64::try_from(self.clock.elapsed().as_micros())?;
            put(channel, vec![shown]).await?;
            let limit = Instant::now() + LIMIT;
            let seen = || self.seen.iter().map(|seen| seen.load(Ordering::Relaxed));
            while seen().any(|at| at < began) {
                ensure!(Instant::now() < limit, "a reader is not shown a change");
                sleep(Duration::from_millis(1)).await;
            }
            times.extend(seen().map(|at| Duration::from_micros(at - began).as_secs_f64()));
        }
        Ok(times)
    }
}

/// Rolls a vnet out and takes it back, so many rollouts in all, and notes what grew.
pub async fn soak(
    controller: &mut Controller,
    channel: &Channel,
    swarm: &Arc<Swarm>,
    rollouts: u32,
    figures: &mut Figures,
) -> Result<()> {
    /// Until here caches fill.
    const WARM: u32 = 20;
    let mut before = controller.held().await?;
    let mut each = Figures::of(0);
    for turn in 0..rollouts {
        if turn == WARM {
            before = controller.held().await?;
        }
        let vnet = vnet_in("soak", "few");
        if turn % 2 == 0 {
            put(channel, vec![vnet]).await?;
        } else {
            put_and_delete(channel, Vec::new(), &["soak"]).await?;
        }
        rollout(channel, swarm, FEW, &mut each).await?;
    }
    let after = controller.held().await?;
    let counted = f64::from(rollouts.saturating_sub(WARM).max(1));
    figures.put("soak: rollouts", f64::from(rollouts));
    figures.put("soak: more open files", after.files - before.files);
    figures.put(
        "soak: memory of a rollout, KiB",
        (after.memory - before.memory) / counted,
    );
    figures.put(
        "soak: keys of a rollout",
        (after.keys - before.keys) / counted,
    );
    Ok(())
}
