//! What is done to the controller, step by step, and what is noted of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;
use weft_proto::v1;
use weft_proto::v1::objects_client::ObjectsClient;
use weft_proto::v1::rollouts_client::RolloutsClient;

use crate::agent::{Seen, Swarm, name};
use crate::controller::Controller;
use crate::figures::Figures;

/// How long anything may take before it is given up.
const LIMIT: Duration = Duration::from_secs(240);

/// How many nodes the small zone is on.
const FEW: usize = 3;

/// How often a rollout is repeated, the worst of them being noted.
const TIMES: u32 = 3;

/// Longer than the controller collects what nodes confirmed before it stores it.
const COLLECTED: Duration = Duration::from_millis(1_500);

/// Measures a controller with so many agents.
pub async fn run(size: u32, idle: u64, figures: &mut Figures) -> Result<()> {
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
    sleep(Duration::from_secs(idle)).await;
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
    Ok(())
}

/// Rolls the draft out, and notes how long it took, overall and for each node.
async fn rollout(
    channel: &Channel,
    swarm: &Arc<Swarm>,
    affected: usize,
    figures: &mut Figures,
) -> Result<()> {
    let mut rollouts = RolloutsClient::new(channel.clone()).max_decoding_message_size(64 << 20);
    let (since, began) = (swarm.now(), Instant::now());
    let started = rollouts
        .start(v1::StartRequest {
            author: "swarm".to_owned(),
            ..v1::StartRequest::default()
        })
        .await
        .context("cannot start a rollout")?;
    figures.most("rollout opened, s", began.elapsed().as_secs_f64());
    let rollout = started.into_inner().rollout;
    // Asking for the state of ten thousand nodes costs the controller something; nothing is asked
    // before the last of them was told to confirm.
    reached(swarm, |seen| &seen.confirm, since, affected).await?;
    loop {
        let request = v1::GetRolloutRequest { rollout };
        let now = rollouts.get(request).await?.into_inner();
        if now.phase == "Closed" {
            ensure!(
                now.decision == "commit",
                "the rollout ended: {}",
                now.reason
            );
            break;
        }
        ensure!(
            began.elapsed() < LIMIT,
            "the rollout does not end: {}",
            now.reason
        );
        sleep(Duration::from_millis(10)).await;
    }
    figures.most("rollout closed, s", began.elapsed().as_secs_f64());
    let seen = || swarm.seen.iter().take(affected);
    let read = |time: &AtomicU64| seconds(time.load(Ordering::Relaxed));
    let whole = seen().map(|seen| read(&seen.confirm) - read(&seen.prepare));
    figures.spread("prepare to confirm of a node", whole.collect());
    for (what, time) in [
        (
            "prepare pushed",
            (|seen| &seen.prepare) as fn(&Seen) -> &AtomicU64,
        ),
        ("apply pushed", |seen| &seen.apply),
        ("confirm pushed", |seen| &seen.confirm),
    ] {
        let times: Vec<f64> = seen().map(|seen| read(time(seen))).collect();
        let first = times.iter().copied().fold(f64::INFINITY, f64::min);
        let after_first = times.iter().map(|time| time - first);
        figures.spread(what, after_first.collect());
    }
    Ok(())
}

/// Waits until something happened to the first so many agents after a time.
async fn reached(
    swarm: &Swarm,
    time: fn(&Seen) -> &AtomicU64,
    since: u64,
    affected: usize,
) -> Result<()> {
    let limit = Instant::now() + LIMIT;
    loop {
        let seen = swarm.seen.iter().take(affected);
        let missing = seen.filter(|seen| time(seen).load(Ordering::Relaxed) <= since);
        let missing = missing.count();
        if missing == 0 {
            return Ok(());
        }
        let (ended, trouble) = (swarm.ended.load(Ordering::Relaxed), swarm.trouble());
        ensure!(
            Instant::now() < limit,
            "{missing} agents wait still; {ended} streams ended; {trouble}"
        );
        sleep(Duration::from_millis(2)).await;
    }
}

async fn put(channel: &Channel, objects: Vec<v1::Object>) -> Result<()> {
    let request = v1::ApplyRequest {
        put: objects,
        ..v1::ApplyRequest::default()
    };
    let answer = ObjectsClient::new(channel.clone()).apply(request).await;
    answer.map(drop).context("cannot apply")
}

fn object(name: &str, spec: v1::object::Spec) -> v1::Object {
    v1::Object {
        metadata: Some(v1::Metadata {
            name: name.to_owned(),
            ..v1::Metadata::default()
        }),
        spec: Some(spec),
        status: None,
    }
}

/// A simple zone on the first so many nodes; zero is all.
fn zone(called: &str, nodes: usize) -> v1::Object {
    let spec = v1::ZoneSpec {
        r#type: "simple".to_owned(),
        nodes: (nodes > 0).then(|| v1::NodeSelector {
            names: (0..nodes).map(name).collect(),
            ..v1::NodeSelector::default()
        }),
        ..v1::ZoneSpec::default()
    };
    object(called, v1::object::Spec::Zone(spec))
}

fn vnet_in(called: &str, zone: &str) -> v1::Object {
    let spec = v1::VnetSpec {
        zone: zone.to_owned(),
        ..v1::VnetSpec::default()
    };
    object(called, v1::object::Spec::Vnet(spec))
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

#[expect(clippy::cast_precision_loss, reason = "no run is so long")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
