//! What a user does: writes objects, rolls them out, and waits.

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
use crate::figures::Figures;

/// How long anything may take before it is given up.
const LIMIT: Duration = Duration::from_secs(240);

/// How many nodes the small zone is on.
pub const FEW: usize = 3;

/// Rolls the draft out, and notes how long it took, overall and for each node.
pub async fn rollout(
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
pub async fn reached(
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

/// Creates or replaces objects of the draft.
pub async fn put(channel: &Channel, objects: Vec<v1::Object>) -> Result<()> {
    put_and_delete(channel, objects, &[]).await
}

/// The same, and deletes vnets.
pub async fn put_and_delete(
    channel: &Channel,
    objects: Vec<v1::Object>,
    vnets: &[&str],
) -> Result<()> {
    let deletion = |name: &&str| v1::Deletion {
        key: Some(v1::ObjectKey {
            kind: v1::Kind::Vnet.into(),
            name: (*name).to_owned(),
        }),
        version: 0,
    };
    let request = v1::ApplyRequest {
        put: objects,
        delete: vnets.iter().map(deletion).collect(),
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
pub fn zone(called: &str, nodes: usize) -> v1::Object {
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

/// A vnet of a zone.
pub fn vnet_in(called: &str, zone: &str) -> v1::Object {
    let spec = v1::VnetSpec {
        zone: zone.to_owned(),
        ..v1::VnetSpec::default()
    };
    object(called, v1::object::Spec::Vnet(spec))
}

#[expect(clippy::cast_precision_loss, reason = "no run is so long")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
