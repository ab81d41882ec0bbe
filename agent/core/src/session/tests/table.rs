//! What every event does in every state.

use std::fmt::Write;

use super::*;

fn words(session: &Session) -> String {
    let journal = session.journal();
    let state = match &journal.state {
        State::Idle => "Idle".to_owned(),
        State::Prepared { change, until } => {
            format!("Prepared({} until {})", change.rollout, until.0)
        }
        State::Armed { change, term } => {
            format!(
                "Armed({} until {})",
                change.rollout,
                term.until(change.lease).0
            )
        }
        State::Verified { change, term } => {
            format!(
                "Verified({} until {})",
                change.rollout,
                term.until(change.lease).0
            )
        }
        State::Reverting {
            change,
            fate,
            attempts,
            ..
        } => format!("Reverting({} {fate:?} {attempts})", change.rollout),
        State::Reverted { change, .. } => format!("Reverted({})", change.rollout),
        State::Stuck { change, fate, .. } => format!("Stuck({} {fate:?})", change.rollout),
    };
    let work = match session.work {
        Work::Free => "",
        Work::Staging { .. } => " staging",
        Work::Applying => " applying",
        Work::Checking { .. } => " checking",
        Work::Reverting => " reverting",
    };
    format!(
        "{state}{work}, has {}, buried {}, epoch {}",
        journal.confirmed.target.revision, journal.tombstone, journal.epoch
    )
}

fn effect_words(effect: &Effect) -> String {
    let said = |fence: &Fence, answer: &Answer| {
        let answer = match answer {
            Answer::Prepared(found) => format!("Prepared({})", found.steps),
            Answer::Refused(faults) => format!("Refused({})", faults[0]),
            Answer::Failed(faults) if faults.is_empty() => "Failed".to_owned(),
            Answer::Failed(faults) => format!("Failed({})", faults[0]),
            Answer::Alive | Answer::Verified | Answer::Confirmed | Answer::RolledBack => {
                format!("{answer:?}")
            }
        };
        format!("{answer} to {}.{}", fence.epoch, fence.nonce)
    };
    match effect {
        Effect::Persist(_) => "persist".to_owned(),
        Effect::Stage { to, .. } => format!("stage {}", to.revision),
        Effect::Apply { to, gates, .. } => {
            format!("apply {} and probe{}", to.revision, probes(gates))
        }
        Effect::Check { gates, .. } => format!("probe{}", probes(gates)),
        Effect::Revert { to } => format!("revert to {}", to.revision),
        Effect::Send(fence, answer) => format!("say {}", said(fence, answer)),
        Effect::SendAfresh(fence, answer) => format!("say afresh {}", said(fence, answer)),
        Effect::Wake(at) => format!("wake {}", at.0),
        Effect::Sleep => "sleep".to_owned(),
        Effect::Forget(plan) => format!("forget {}", plan.revision),
        Effect::Collect => "collect".to_owned(),
    }
}

fn probes(gates: &Gates) -> String {
    let names = gates.probes.iter().map(|probe| format!(" {probe}"));
    names.collect()
}

fn line(table: &mut String, name: &str, before: &Session, next: &Session, effects: &[Effect]) {
    let state = if before == next {
        "=".to_owned()
    } else {
        words(next)
    };
    let effects: Vec<_> = effects.iter().map(effect_words).collect();
    let effects = if effects.is_empty() {
        "-".to_owned()
    } else {
        effects.join(", ")
    };
    writeln!(table, "  {name:<32} {state}\n  {:<32}   {effects}", "").unwrap();
}

#[test]
fn every_state_meets_every_event() {
    let mut table = String::new();
    for (name, session) in states() {
        writeln!(table, "{name}: {}", words(&session)).unwrap();
        for (event_name, event, at) in events() {
            let mut next = session.clone();
            let effects = next.step(event, Moment(at));
            line(&mut table, event_name, &session, &next, &effects);
        }
        for (start, boot) in [
            ("agent restarts", boot()),
            ("host restarts", BootId("second".to_owned())),
        ] {
            let (next, effects) = Session::start(session.journal().clone(), boot, Moment(1_000));
            line(&mut table, start, &session, &next, &effects);
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
