//! What must be so whenever something is stored, written down, touched or shown.

use futures::FutureExt;
use weft_controller::store::keys;
use weft_controller::store::kv::entry::{Op, Txn};
use weft_core::rollout::record::{Decision, Phase, Record};
use weft_model::message::Target;
use weft_model::plan::digest::Digest;
use weft_model::plan::link::Link;
use weft_model::revision::RolloutId;
use weft_node::own::{Owner, is_doomed};
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_node::session::journal::{Journal, State as Stands};
use weft_node::step::Step;
use weft_proto::v1;

use super::host::Host;
use super::world::{State, World, node_name, node_number};

/// For so long after trouble with the store a decision may land that was made before it.
const LATE: u64 = 8_000;

/// A transaction is about to be carried out: what changes a rollout brings its audit record along.
pub fn written(world: &World, txn: &Txn) {
    let puts = |prefix: &str| {
        let keys = txn.then.iter().filter_map(|op| match op {
            Op::Put { key, .. } | Op::Delete(key) => Some(key),
            Op::Get(_) => None,
        });
        keys.filter(|key| key.starts_with(prefix)).count()
    };
    let changes = puts(keys::ROLLOUT) + puts(keys::DECISION) + puts(keys::HEAD);
    if changes > 0 && puts(keys::AUDIT) != 1 {
        world.break_law(format!(
            "a rollout changes without an audit record: {txn:?}"
        ));
    }
}

/// A transaction was carried out, or not: the rollouts are looked at again.
pub fn landed(world: &World, txn: &Txn) {
    let concerns = |key: &str| key.starts_with(keys::ROLLOUT) || key.starts_with(keys::DECISION);
    let touched = txn.then.iter().any(|op| match op {
        Op::Put { key, .. } | Op::Delete(key) => concerns(key),
        Op::Get(_) => false,
    });
    if !touched {
        return;
    }
    let Some(Ok(rollouts)) = world.store.rollouts::<Record>(1_000).now_or_never() else {
        return world.break_law("the store cannot be read".to_owned());
    };
    let now = world.now();
    let mut state = world.lock();
    for found in rollouts.into_iter().rev() {
        let last = state.records.insert(found.rollout, found.record.clone());
        state.began.entry(found.rollout).or_insert(now);
        if last.as_ref() != Some(&found.record) {
            changed(world, &mut state, last.as_ref(), &found.record);
        }
    }
}

fn changed(world: &World, state: &mut State, last: Option<&Record>, record: &Record) {
    let now = world.now();
    let id = record.id;
    state.note(now, || {
        format!("rollout {id} {:?} {:?}", record.phase, record.participants)
    });
    if let Phase::Applying { .. } = record.phase
        && state.applying.insert(id)
        && let Some(node) = record
            .participants
            .keys()
            .find(|node| !state.hosts[node_number(node)].prepared.contains(&id))
    {
        state.break_law(format!("nodes may apply while {node} has not prepared"));
    }
    let was = last.and_then(|last| last.phase.decision());
    if let Some(decision) = record.phase.decision() {
        let commit = decision == Decision::Commit;
        state.seen.insert(if commit { "commit" } else { "abort" });
        if *state.decisions.entry(id).or_insert(commit) != commit {
            state.break_law(format!("rollout {id} has both decisions"));
        }
        if was.is_none() && commit {
            committed(world, state, record);
        }
    }
    if let Phase::Closed {
        decision,
        unsettled,
    } = &record.phase
    {
        if !unsettled.is_empty() {
            state.seen.insert("closed early");
        }
        let commit = *decision == Decision::Commit;
        let open = record.participants.keys().find(|node| {
            let journal = &state.hosts[node_number(node)].journal;
            let held = journal.state.change().is_some_and(|it| it.rollout == id);
            let kept = journal.confirmed.rollout == id;
            !unsettled.contains(*node) && (held || kept != commit)
        });
        if let Some(node) = open {
            let journal = &state.hosts[node_number(node)].journal;
            let law = format!("rollout {id} is closed and {node} not final: {journal:?}");
            state.break_law(law);
        }
    }
}

/// At the decision every participant runs the change, unless its host went down or somebody else
/// changed its network since, or the decision was held up on its way.
fn committed(world: &World, state: &mut State, record: &Record) {
    let began = state.began[&record.id];
    let now = world.now();
    let held_up = state
        .controls
        .iter()
        .any(|control| control.troubled > 0 && now < control.troubled + LATE);
    if held_up {
        return;
    }
    let lacks = record.participants.keys().find(|node| {
        let host = &state.hosts[node_number(node)];
        let to = match &host.journal.state {
            Stands::Verified { change, .. } if change.rollout == record.id => change.to,
            _ => return host.booted < began,
        };
        host.booted < began && host.meddled < began && !runs(host, to.digest)
    });
    if let Some(node) = lacks {
        let journal = &state.hosts[node_number(node)].journal;
        state.break_law(format!(
            "rollout {} is committed while {node} does not run it: {journal:?}",
            record.id
        ));
    }
}

/// Whether nothing is left to do towards a plan.
pub fn runs(host: &Host, digest: Digest) -> bool {
    lacks(host, digest).is_empty()
}

/// What is left to do towards a plan.
pub fn lacks(host: &Host, digest: Digest) -> Vec<String> {
    let Some(pin) = &host.journal.pin else {
        let has_none = digest == Digest::EMPTY;
        return if has_none {
            Vec::new()
        } else {
            vec!["to be in a cluster".to_owned()]
        };
    };
    let Some(wanted) = host.plan(digest) else {
        return vec!["the plan on disk".to_owned()];
    };
    let owner = Owner::new(pin.cluster.clone());
    let planned = plan(&owner, &wanted, &host.kernel.seen(), &Scope::All);
    let steps = planned.steps.iter().map(ToString::to_string);
    let clashes = planned.clashes.iter().map(ToString::to_string);
    steps.chain(clashes).collect()
}

/// A journal has become durable.
pub fn journaled(world: &World, number: usize, journal: Journal) {
    let mut state = world.lock();
    let name = node_name(number);
    let committed =
        |state: &State, rollout: RolloutId| state.decisions.get(&rollout) == Some(&true);
    if let Stands::Prepared { change, .. } = &journal.state {
        state.hosts[number].prepared.insert(change.rollout);
    }
    if let Stands::Armed { change, .. } = &journal.state {
        let id = change.rollout;
        if !state.applying.contains(&id) && !committed(&state, id) {
            state.break_law(format!(
                "{name} applies rollout {id}, which is not applying"
            ));
        }
        if state.decisions.get(&id) == Some(&false) {
            // It may not have heard of it; but then it must hear of it and return, and that it
            // does so is seen at the end.
            state.seen.insert("applied late");
        }
    }
    let before = state.hosts[number].journal.clone();
    let confirmed = journal.confirmed;
    if before.confirmed.rollout != confirmed.rollout && !committed(&state, confirmed.rollout) {
        state.break_law(format!(
            "{name} confirms rollout {}, which is not committed",
            confirmed.rollout
        ));
    }
    if journal.epoch < before.epoch {
        state.break_law(format!("{name} forgets an epoch"));
    }
    state.hosts[number].journal = journal;
}

/// A step was made: what is up is of the confirmed plan, or of a change that is written down.
pub fn touched(world: &World, number: usize, step: &Step) {
    let mut state = world.lock();
    state.made += 1;
    let host = &state.hosts[number];
    let Some(pin) = &host.journal.pin else {
        return state.break_law(format!("{} does {step} for nobody", node_name(number)));
    };
    let owner = Owner::new(pin.cluster.clone());
    let armed = match &host.journal.state {
        Stands::Idle | Stands::Prepared { .. } => None,
        Stands::Armed { change, .. }
        | Stands::Verified { change, .. }
        | Stands::Reverting { change, .. }
        | Stands::Reverted { change, .. }
        | Stands::Stuck { change, .. } => Some(change.to),
    };
    let plans: Vec<_> = [Some(host.journal.confirmed.target), armed]
        .into_iter()
        .flatten()
        .map(|target: Target| host.plan(target.digest))
        .collect();
    if plans.iter().any(Option::is_none) {
        return state.break_law(format!("{} does {step} without a plan", node_name(number)));
    }
    let may_be = |name: &str| {
        let links = plans.iter().flatten().flat_map(|plan| plan.links());
        links
            .into_iter()
            .any(|link: &Link| link.name.as_str() == name)
    };
    let seen = host.kernel.seen();
    let stray = seen
        .links()
        .find(|link| owner.owns(link) && link.up && !is_doomed(link.group) && !may_be(&link.name));
    let created = stray.filter(|link| step.to_string().contains(link.name.as_str()));
    if let Some(link) = created {
        let law = format!("{} does {step}, of no plan: {link:?}", node_name(number));
        state.break_law(law);
    }
}

/// What a controller shows of a rollout is true.
pub fn shown(world: &World, rollout: &v1::Rollout) {
    if rollout.rollout == 0 {
        return;
    }
    let mut state = world.lock();
    let id = RolloutId(rollout.rollout);
    let decided = state.decisions.get(&id).copied();
    let law = match rollout.decision.as_str() {
        "commit" if decided != Some(true) => Some("commit is shown".to_owned()),
        "abort" if decided != Some(false) => Some("abort is shown".to_owned()),
        _ => None,
    };
    let phase = rollout.phase.as_str();
    let law = law.or_else(|| {
        let shows = matches!(phase, "Committed" | "Aborted" | "Closed");
        (shows && decided.is_none()).then(|| format!("{phase} is shown"))
    });
    let law = law.or_else(|| {
        let kept = |node: &&v1::RolloutNode| {
            let number: usize = node.node[1..].parse().unwrap();
            let journal = &state.hosts[number].journal;
            let ended = journal.confirmed.rollout >= id;
            let held = journal.state.change().is_some_and(|it| it.rollout == id);
            match node.state.as_str() {
                "Confirmed" => !ended,
                "RolledBack" => held || journal.confirmed.rollout == id,
                "Verified" => {
                    let host = &state.hosts[number];
                    !(host.journal.tombstone >= id || host.prepared.contains(&id))
                }
                _ => false,
            }
        };
        let node = rollout.nodes.iter().find(kept)?;
        let number: usize = node.node[1..].parse().unwrap();
        let journal = &state.hosts[number].journal;
        Some(format!(
            "{} is shown as {}: {journal:?}",
            node.node, node.state
        ))
    });
    if let Some(law) = law {
        state.break_law(format!("rollout {id}: {law}, and {decided:?} stored"));
    }
}
