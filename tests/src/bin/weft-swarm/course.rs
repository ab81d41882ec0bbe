//! What is done to the controller, step by step, and what is noted of each.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use crate::agent::Swarm;
use crate::controller::Controller;
use crate::figures::Figures;
use crate::user::{FEW, put, reached, rollout, vnet_in, zone};
use crate::{Options, strain};

/// How often a rollout is repeated, the worst of them being noted.
const TIMES: u32 = 3;

/// Longer than the controller collects what nodes confirmed before it stores it.
const COLLECTED: Duration = Duration::from_millis(1_500);

/// Measures a controller with so many agents.
pub async fn run(size: u32, options: &Options, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("weft-swarm-")
        .tempdir()
        .context("cannot make a folder")?;
    let mut controller = Controller::start(folder.path()).await?;
    sleep(Duration::from_secs(1)).await;
    let empty = controller.usage().await?;
    figures.put("controller without agents, MiB", empty.memory / 1024.0);

    let swarm = Swarm::of(size);
    let began = Instant::now();
    let _running = swarm.start(controller.address)?;
    reached(&swarm, |seen| &seen.welcome, 0, everybody(&swarm)).await?;
    let used = controller.usage().await?;
    figures.put(
        "all connected for the first time, s",
        began.elapsed().as_secs_f64(),
    );
    figures.put(
        "etcd writes for that, each node",
        each(count(used.writes - empty.writes), size),
    );
    figures.put("controller processor for that, s", used.cpu - empty.cpu);

    let channel = controller.channel().await?;
    put(&channel, vec![zone("few", FEW), zone("all", 0)]).await?;
    rollout(&channel, &swarm, 0, &mut Figures::of(size)).await?;
    for (label, zone, affected) in [
        ("3 nodes", "few", FEW),
        ("all nodes", "all", everybody(&swarm)),
    ] {
        let mut worst = Figures::of(size);
        for turn in 0..TIMES {
            let vnet = format!("{zone}{turn}");
            put(&channel, vec![vnet_in(&vnet, zone)]).await?;
            sleep(COLLECTED).await;
            let before = controller.usage().await?;
            rollout(&channel, &swarm, affected, &mut worst).await?;
            sleep(COLLECTED).await;
            let after = controller.usage().await?;
            worst.most("etcd writes", count(after.writes - before.writes));
            worst.most("controller processor, s", after.cpu - before.cpu);
            worst.most("stored, KiB", after.stored - before.stored);
        }
        figures.take(label, &worst);
    }

    let before = controller.usage().await?;
    let began = Instant::now();
    sleep(Duration::from_secs(options.idle)).await;
    let after = controller.usage().await?;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    figures.put(
        "idle: etcd writes a minute",
        count(after.writes - before.writes) / minutes,
    );
    figures.put(
        "idle: processor, % of one",
        (after.cpu - before.cpu) / minutes / 0.6,
    );
    figures.put(
        "memory of one agent's stream, KiB",
        each(after.memory - empty.memory, size),
    );
    figures.put("memory of the controller, MiB", after.memory / 1024.0);

    let writes = after.writes;
    let ordered = swarm.changes.load(Ordering::Relaxed);
    let killed = swarm.now();
    let began = Instant::now();
    controller.kill().await?;
    controller.resume().await?;
    figures.put("kill -9: leads again, s", began.elapsed().as_secs_f64());
    reached(&swarm, |seen| &seen.welcome, killed, everybody(&swarm)).await?;
    figures.put("kill -9: all back, s", began.elapsed().as_secs_f64());
    sleep(COLLECTED).await;
    let after = controller.usage().await?;
    figures.put("kill -9: processor, s", after.cpu);
    figures.put("kill -9: etcd writes", count(after.writes - writes));
    let ordered = swarm.changes.load(Ordering::Relaxed) - ordered;
    figures.put(
        "kill -9: orders to change a node",
        f64::from(u32::try_from(ordered)?),
    );

    let channel = controller.channel().await?;
    if options.rollouts > 0 {
        strain::soak(&mut controller, &channel, &swarm, options.rollouts, figures).await?;
    }
    strain::watchers(&mut controller, &channel, size, figures).await
}

fn everybody(swarm: &Swarm) -> usize {
    swarm.seen.len()
}

fn each(sum: f64, size: u32) -> f64 {
    sum / f64::from(size)
}

#[expect(clippy::cast_precision_loss, reason = "no run is so long")]
fn count(writes: i64) -> f64 {
    writes as f64
}
