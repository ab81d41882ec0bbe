//! People: they change the draft, roll it out, steer what runs, and watch.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use weft_proto::v1;
use weft_proto::v1::objects_client::ObjectsClient;
use weft_proto::v1::rollouts_client::RolloutsClient;

use super::laws;
use super::wire;
use super::world::{Order, Who, World, node_name};

/// How a run's people behave.
#[derive(Clone, Copy, Debug)]
pub struct People {
    pub rollouts: u64,
    pub hosts: usize,
    pub controllers: usize,
    pub manner: Manner,
}

/// How people use the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manner {
    /// Every rollout is of all nodes, and as usual.
    Usual,
    /// They steer and choose at random.
    Whims,
    /// Rollouts wait for a person, who confirms.
    Confirm,
    /// Rollouts wait for a person, who aborts.
    Abort,
}

/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// One who changes and steers, until the world is at rest.
pub async fn act(world: Arc<World>, people: People) -> turmoil::Result {
    let mut begun = 0;
    loop {
        pause(&world, people).await;
        let number = world.lock().chance.within(0, people.controllers as u64 - 1) as usize;
        let Some(channel) = call(number).await else {
            continue;
        };
        let turn = turn(&world, people, channel, &mut begun);
        if let Ok(Err(status)) = tokio::time::timeout(PATIENCE, turn).await {
            world.note(|| format!("a person is told: {} {}", status.code(), status.message()));
        }
    }
}

async fn pause(world: &World, people: People) {
    let most = if people.manner == Manner::Whims {
        2_500
    } else {
        200
    };
    let until = world.now() + world.lock().chance.within(20, most);
    // An order is carried out at once.
    while world.now() < until && world.lock().order.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn call(number: usize) -> Option<Channel> {
    let name = Who::Controller(number).name();
    let endpoint = Endpoint::from_shared(format!("http://{name}:{}", wire::PORT)).ok()?;
    let channel = tokio::time::timeout(PATIENCE, wire::connect(endpoint, None)).await;
    channel.ok()?.ok()
}

async fn turn(
    world: &World,
    people: People,
    channel: Channel,
    begun: &mut u64,
) -> Result<(), Status> {
    let mut rollouts = RolloutsClient::new(channel.clone());
    let newest = rollouts.get(v1::GetRolloutRequest { rollout: 0 }).await;
    let newest = newest.map(|answer| answer.into_inner()).ok();
    if let Some(newest) = &newest {
        laws::shown(world, newest);
    }
    let runs = newest.filter(|newest| newest.phase != "Closed");
    if let Some(runs) = runs {
        return steer(world, people, rollouts, &runs).await;
    }
    let quiet = world.lock().quiet;
    if quiet || *begun >= people.rollouts {
        return Ok(());
    }
    change(world, people, ObjectsClient::new(channel), *begun).await?;
    let request = request(world, people);
    let started = rollouts.start(request).await?.into_inner();
    laws::shown(world, &started);
    if started.rollout > 0 {
        *begun += 1;
    }
    Ok(())
}

async fn steer(
    world: &World,
    people: People,
    mut rollouts: RolloutsClient<Channel>,
    runs: &v1::Rollout,
) -> Result<(), Status> {
    let whims = people.manner == Manner::Whims;
    let order = {
        let mut state = world.lock();
        let quiet = state.quiet;
        let whim = state.chance.within(0, 19);
        match state.order.take() {
            Some(order) => Some(order),
            None if quiet && runs.phase == "Paused" => Some(Order::Resume),
            None if runs.phase == "WaitingForConfirm" && people.manner == Manner::Abort => {
                Some(Order::Abort)
            }
            None if runs.phase == "WaitingForConfirm" => Some(Order::Confirm),
            // Whoever paused goes on some time.
            None if !whims && runs.phase == "Paused" => Some(Order::Resume),
            None if !whims || quiet => None,
            None => match whim {
                0 => Some(Order::Abort),
                1 | 2 => Some(Order::Pause),
                3..=5 => Some(Order::Resume),
                _ => None,
            },
        }
    };
    let Some(order) = order else { return Ok(()) };
    let command = v1::RolloutCommand {
        rollout: runs.rollout,
        author: "ada".to_owned(),
        ..v1::RolloutCommand::default()
    };
    world.note(|| format!("a person says {order:?}"));
    let answer = match order {
        Order::Pause => rollouts.pause(command).await,
        Order::Resume => rollouts.resume(command).await,
        Order::Confirm => rollouts.confirm(command).await,
        Order::Abort => rollouts.abort(command).await,
    };
    laws::shown(world, &answer?.into_inner());
    Ok(())
}

/// The next change: a zone of some nodes, and a vnet more or less.
async fn change(
    world: &World,
    people: People,
    mut objects: ObjectsClient<Channel>,
    begun: u64,
) -> Result<(), Status> {
    let (nodes, vnet, gone) = {
        let mut state = world.lock();
        let all = 0..people.hosts;
        let whims = people.manner == Manner::Whims;
        let nodes: Vec<String> = if whims {
            all.filter(|_| state.chance.hits(8_000))
                .map(node_name)
                .collect()
        } else {
            all.map(node_name).collect()
        };
        let vnet = state.chance.within(1, 6);
        let gone = whims && begun > 1 && state.chance.hits(2_000);
        (nodes, vnet, gone)
    };
    if nodes.is_empty() {
        return Ok(());
    }
    let mut request = v1::ApplyRequest::default();
    if gone {
        request.delete = vec![v1::Deletion {
            key: Some(v1::ObjectKey {
                kind: v1::Kind::Vnet.into(),
                name: format!("v{vnet}"),
            }),
            version: 0,
        }];
    } else {
        request.put = vec![zone(nodes), a_vnet(vnet, begun)];
    }
    objects.apply(request).await.map(drop)
}

fn zone(nodes: Vec<String>) -> v1::Object {
    object(
        "prod",
        v1::object::Spec::Zone(v1::ZoneSpec {
            r#type: "vxlan".to_owned(),
            nodes: Some(v1::NodeSelector {
                names: nodes,
                ..v1::NodeSelector::default()
            }),
            ..v1::ZoneSpec::default()
        }),
    )
}

fn a_vnet(number: u64, begun: u64) -> v1::Object {
    object(
        &format!("v{number}"),
        v1::object::Spec::Vnet(v1::VnetSpec {
            zone: "prod".to_owned(),
            tag: Some((number * 100 + begun) as u32),
            ..v1::VnetSpec::default()
        }),
    )
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

fn request(world: &World, people: People) -> v1::StartRequest {
    let usual = v1::StartRequest {
        author: "ada".to_owned(),
        manual_confirm: matches!(people.manner, Manner::Confirm | Manner::Abort),
        confirm_within_seconds: 20,
        ..v1::StartRequest::default()
    };
    if people.manner != Manner::Whims {
        return usual;
    }
    let chance = &mut world.lock().chance;
    let waves = match chance.within(0, 3) {
        0 => vec!["1".to_owned()],
        1 => vec!["1".to_owned(), "50%".to_owned()],
        _ => Vec::new(),
    };
    v1::StartRequest {
        manual_confirm: chance.hits(3_000),
        skip_offline: chance.hits(4_000),
        max_parallel: chance.within(0, 2) as u32,
        pause_between_seconds: u32::from(chance.hits(2_000)),
        waves,
        ..usual
    }
}

/// One who only watches, from the newest rollout to the newest rollout.
pub async fn watch(world: Arc<World>, people: People) -> turmoil::Result {
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let number = world.lock().chance.within(0, people.controllers as u64 - 1) as usize;
        let Some(channel) = call(number).await else {
            continue;
        };
        let newest = v1::GetRolloutRequest { rollout: 0 };
        let opening = async { RolloutsClient::new(channel).watch(newest).await };
        let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, opening).await else {
            continue;
        };
        let mut stream = answer.into_inner();
        while let Ok(Some(Ok(rollout))) = tokio::time::timeout(PATIENCE * 3, stream.next()).await {
            laws::shown(&world, &rollout);
            world.note(|| {
                let states: Vec<_> = rollout.nodes.iter().map(|it| it.state.as_str()).collect();
                format!("shown {} {} {states:?}", rollout.rollout, rollout.phase)
            });
        }
    }
}
