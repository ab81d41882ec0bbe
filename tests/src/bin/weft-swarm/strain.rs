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

/// How many of the agents' number do not read, and how many at least: memory comes in large pieces,
/// of which one more or less must not matter.
const STUCK_OF_A_HUNDRED: u32 = 1;
const STUCK_AT_LEAST: u32 = 50;

/// How often a change is shown to the readers.
const CHANGES: usize = 50;

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
    let mut shown = 0..;
    // What many changes take, without anyone who does not read: the second time everything that
    // is kept for all is there.
    change_many(channel, 0).await?;
    let empty = controller.usage().await?;
    change_many(channel, 1).await?;
    let before = controller.usage().await?;
    let alone = readers.reached_by(channel, shown.by_ref()).await?;
    figures.spread("watchers: shown a change", alone);

    let count = (size * STUCK_OF_A_HUNDRED / 100).max(STUCK_AT_LEAST);
    let mut stuck = JoinSet::new();
    for _ in 0..count {
        stuck.spawn(stuck::watch(controller.address));
    }
    change_many(channel, 2).await?;
    let beside = readers.reached_by(channel, shown).await?;
    figures.spread("watchers: shown a change beside stuck ones", beside);
    let after = controller.usage().await?;
    ensure!(stuck.try_join_next().is_none(), "a stuck client got away");
    let each = |more: f64| more / f64::from(count);
    let share = each(before.memory - empty.memory);
    figures.put(
        "watchers: memory of a stuck one, KiB",
        each(after.memory - before.memory) - share,
    );
    let cut = tokio::time::timeout(CUT, async { while stuck.join_next().await.is_some() {} });
    let (began, cut) = (Instant::now(), cut.await);
    cut.context("stuck clients are not cut off")?;
    figures.put(
        "watchers: stuck ones cut off, s",
        began.elapsed().as_secs_f64(),
    );
    Ok(())
}

/// Longer than a client may leave unread what it asked for.
const CUT: Duration = Duration::from_secs(90);

async fn change_many(channel: &Channel, round: u64) -> Result<()> {
    let changed = |number: usize| {
        let mut vnet = vnet_in(&format!("m{number:05}"), "few");
        label(&mut vnet, round);
        vnet
    };
    put(channel, (0..MANY).map(changed).collect()).await
}

fn label(object: &mut v1::Object, change: u64) {
    if let Some(metadata) = &mut object.metadata {
        metadata.labels = [("change".to_owned(), change.to_string())].into();
    }
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
    async fn reached_by(
        &self,
        channel: &Channel,
        numbers: impl Iterator<Item = u64>,
    ) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for number in numbers.take(CHANGES) {
            let mut shown = zone("shown", 1);
            label(&mut shown, number);
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
