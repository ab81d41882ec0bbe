//! Numbers of commands begin anew with every rollout and every catch-up: a leftover with a larger
//! number never takes the answer away from the change in hand.

use weft_model::clock::{Moment, Span};
use weft_model::message::{Command, Fence, Found, Gates, Lease, Pin, Target};
use weft_model::report::Fault;
use weft_model::revision::{Epoch, Incarnation, Nonce, RevisionId, RolloutId};
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{BootId, Journal};
use weft_node::session::machine::Session;

use super::chance::Chance;
use super::node::{Job, pin};
use super::store::digest;

fn target(rollout: RolloutId) -> Target {
    Target {
        revision: RevisionId(rollout.0 + 1),
        digest: digest(rollout.0 + 1),
    }
}

fn command(chance: &mut Chance, from: Target, to: Target) -> Command {
    let lease = Lease {
        contact: Span::from_secs(30),
        cap: Span::from_secs(600),
    };
    match chance.within(0, 8) {
        0 | 1 => Command::Prepare {
            from,
            to,
            lease,
            gates: Gates::default(),
        },
        2 | 3 => Command::Apply,
        4 => Command::KeepAlive,
        5 | 6 => Command::Confirm,
        7 => Command::Rollback,
        _ => Command::CatchUp { to, lease },
    }
}

/// Gives a session commands of several rollouts with any numbers, and outcomes of its work; every
/// answer that a piece of work brings is for the change that the work was for. Returns how many
/// there were, and of those how many while a larger number of another rollout had been heard.
fn answers(seed: u64, incarnations: u64) -> (u32, u32) {
    let mut chance = Chance::new(seed);
    let journal = Journal {
        pin: Some(Pin { ..pin() }),
        boot: BootId("0".to_owned()),
        ..Journal::default()
    };
    let (mut session, _) = Session::start(journal, BootId("0".to_owned()), Moment(0));
    let mut jobs: Vec<Job> = Vec::new();
    let (mut count, mut leftover) = (0, 0);
    let mut highest = (RolloutId(0), Nonce(0));
    for step in 0..400_u64 {
        let now = Moment(step * 100);
        let base = session.journal().confirmed.rollout;
        let held = session
            .journal()
            .state
            .change()
            .map(|change| change.rollout);
        let worked = jobs.last().copied();
        let event = match worked {
            Some(job) if chance.hits(3_000) => {
                jobs.clear();
                let well = chance.hits(8_000);
                let faults = || {
                    vec![Fault {
                        origin: None,
                        attempt: "cannot".to_owned(),
                        cause: String::new(),
                        advice: String::new(),
                    }]
                };
                let result = if well { Ok(()) } else { Err(faults()) };
                match job {
                    Job::Stage(rollout, to) => {
                        let result = result.map(|()| Found::steps(1));
                        Event::Staged {
                            rollout,
                            to,
                            result,
                        }
                    }
                    Job::Apply(rollout, _) => Event::Applied { rollout, result },
                    Job::Revert(_) => Event::Reverted { result },
                }
            }
            _ => {
                let rollout = match held {
                    Some(held) if chance.hits(6_000) => held,
                    _ => RolloutId(base.0 + chance.within(0, 2)),
                };
                let fence = Fence {
                    cluster: pin().cluster,
                    incarnation: Incarnation(chance.within(0, incarnations)),
                    epoch: Epoch(chance.within(5, 6)),
                    rollout,
                    nonce: Nonce(chance.within(1, 50)),
                };
                if fence.nonce > highest.1 {
                    highest = (rollout, fence.nonce);
                }
                let from = session.journal().confirmed.target;
                Event::Command(fence, command(&mut chance, from, target(rollout)))
            }
        };
        let outcome = !matches!(event, Event::Command(..));
        let incarnation = session.journal().pin.as_ref().map(|pin| pin.incarnation);
        for effect in session.step(event, now) {
            match effect {
                Effect::Stage { rollout, to, .. } => jobs = vec![Job::Stage(rollout, to)],
                Effect::Apply { rollout, to, .. } => jobs = vec![Job::Apply(rollout, to)],
                Effect::Revert { to } => jobs = vec![Job::Revert(to)],
                Effect::Send(fence, answer) | Effect::SendAfresh(fence, answer) if outcome => {
                    let wanted = match worked {
                        Some(Job::Stage(rollout, _) | Job::Apply(rollout, _)) => Some(rollout),
                        Some(Job::Revert(_)) | None => held,
                    };
                    assert_eq!(Some(fence.rollout), wanted, "seed {seed}: {answer:?}");
                    assert_eq!(
                        Some(fence.incarnation),
                        incarnation,
                        "seed {seed}: {answer:?} to a store that is no more"
                    );
                    count += 1;
                    leftover += u32::from(highest.0 != fence.rollout && highest.1 > fence.nonce);
                }
                _ => {}
            }
        }
    }
    (count, leftover)
}

#[test]
fn a_leftover_with_a_larger_number_never_takes_an_answer_from_a_later_rollout() {
    let mut sum = (0, 0);
    for seed in 0..500 {
        let (count, leftover) = answers(seed, 0);
        sum = (sum.0 + count, sum.1 + leftover);
    }
    assert!(sum.0 > 5_000 && sum.1 > 1_000, "{sum:?}");
}

#[test]
fn an_answer_goes_to_the_store_whose_command_was_obeyed_last() {
    for seed in 0..500 {
        answers(seed, 1);
    }
}
