//! How a user wants a rollout to go, as the policy that its state machine follows; what makes no
//! sense is refused, all of it at once.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use weft_core::class::{Class, Classified};
use weft_core::rollout::policy::{Agreement, Confirm, Offline, Policy, Wave};
use weft_model::clock::Span;
use weft_model::message::Gates;

use super::port::Wish;
use super::refusal::{Refusal, Violation};

/// How long a person has to confirm when nobody says how long.
const USUAL_CONFIRM_WITHIN: u32 = 600;

/// More waves than this are a list that somebody's program made by mistake.
const MOST_WAVES: usize = 1_000;

/// More probes than this are a test suite, which belongs elsewhere: a node runs them side by side.
const MOST_PROBES: usize = 16;

/// More objects than these are counted.
const FEW: usize = 7;

/// How long a probe may take at most, in seconds: well below what all nodes have to prepare.
const LONGEST_PROBE: u32 = 60;

/// The policy that a wish comes to.
///
/// # Errors
/// Every part of the wish that makes no sense.
pub(super) fn policy(wish: &Wish, usual: &Policy) -> Result<Policy, Refusal> {
    let mut violations = Vec::new();
    let waves = waves(wish, &mut violations);
    let gates = gates(wish, usual, &mut violations);
    let accept = accept(wish, &mut violations);
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    let seconds = |seconds: u32| Span::from_secs(seconds.into());
    Ok(Policy {
        confirm: match wish.confirm_within {
            None => Confirm::Auto,
            Some(0) => Confirm::Manual {
                within: seconds(USUAL_CONFIRM_WITHIN),
            },
            Some(within) => Confirm::Manual {
                within: seconds(within),
            },
        },
        waves,
        max_in_flight: NonZeroU32::new(wish.max_parallel),
        pause: seconds(wish.pause_between),
        soak: wish.soak.map_or(usual.soak, seconds),
        gates,
        accept,
        offline: if wish.skip_offline {
            Offline::Defer
        } else {
            Offline::RequireAll
        },
        ..usual.clone()
    })
}

/// Refuses to divide nodes that cannot reach each other while some have the change and others do
/// not, unless the user agreed to that.
///
/// # Errors
/// Names the objects.
pub(super) fn undivided(
    policy: &Policy,
    changes: &[Classified],
    nodes: usize,
) -> Result<(), Refusal> {
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let in_waves = policy.assign(nodes).last().is_some_and(|last| *last > 0);
    let in_turn = policy
        .max_in_flight
        .is_some_and(|bound| bound.get() < nodes);
    if policy.accept.contains(&Agreement::Split) || !(in_waves || in_turn) {
        return Ok(());
    }
    let flag_days: Vec<String> = changes
        .iter()
        .flat_map(|object| {
            let effects = object.changes.iter();
            let flag_days = effects.filter(|(class, _)| *class == Class::FlagDay);
            flag_days.map(|(_, what)| format!("{}: {what}", object.key))
        })
        .collect();
    let Some((first, more)) = flag_days.split_first() else {
        return Ok(());
    };
    let others = match more.len() {
        0 => String::new(),
        1..=FEW => format!("; {}", more.join("; ")),
        count => format!("; {}; and {} more", more[..FEW].join("; "), count - FEW),
    };
    let field = if in_waves { "waves" } else { "max_parallel" };
    Err(Refusal::Invalid(vec![Violation {
        field: field.to_owned(),
        description: format!(
            "nodes that have this change and nodes that do not cannot reach each other ({first}\
             {others}): bring it to all nodes at once, or agree to the gap with --accept split"
        ),
    }]))
}

fn waves(wish: &Wish, violations: &mut Vec<Violation>) -> Vec<Wave> {
    if wish.waves.len() > MOST_WAVES {
        violations.push(Violation {
            field: "waves".to_owned(),
            description: format!("there are {}: use up to {MOST_WAVES}", wish.waves.len()),
        });
    }
    let mut waves = Vec::new();
    for (at, text) in wish.waves.iter().take(MOST_WAVES).enumerate() {
        match wave(text) {
            Some(wave) => waves.push(wave),
            None => violations.push(Violation {
                field: format!("waves[{at}]"),
                description: format!(
                    "{text:?} is no wave: write how many nodes, 1 or more, or what part of them, \
                     1% to 100%"
                ),
            }),
        }
    }
    waves
}

fn wave(text: &str) -> Option<Wave> {
    match text.trim().strip_suffix('%') {
        Some(part) => part
            .parse()
            .ok()
            .filter(|part| (1..=100).contains(part))
            .map(Wave::Percent),
        None => text
            .trim()
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .map(Wave::Count),
    }
}

fn gates(wish: &Wish, usual: &Policy, violations: &mut Vec<Violation>) -> Gates {
    let mut gates = usual.gates.clone();
    gates.sessions_may_fall |= wish
        .accept
        .iter()
        .any(|it| it == Agreement::Sessions.as_str());
    for (at, text) in wish.probes.iter().enumerate() {
        match text.parse() {
            Ok(probe) => {
                gates.probes.insert(probe);
            }
            Err(error) => violations.push(Violation {
                field: format!("probes[{at}]"),
                description: format!("{error}"),
            }),
        }
    }
    if gates.probes.len() > MOST_PROBES {
        violations.push(Violation {
            field: "probes".to_owned(),
            description: format!("there are {}: use up to {MOST_PROBES}", gates.probes.len()),
        });
    }
    if wish.probe_limit > LONGEST_PROBE {
        violations.push(Violation {
            field: "probe_limit_seconds".to_owned(),
            description: format!(
                "{} is too long: use up to {LONGEST_PROBE} seconds",
                wish.probe_limit
            ),
        });
    }
    if wish.probe_limit > 0 {
        gates.limit = Span::from_secs(wish.probe_limit.into());
    }
    if gates.is_empty() {
        return Gates::default();
    }
    gates
}

fn accept(wish: &Wish, violations: &mut Vec<Violation>) -> BTreeSet<Agreement> {
    let mut accept = BTreeSet::new();
    for (at, text) in wish.accept.iter().enumerate() {
        match Agreement::ALL.into_iter().find(|it| it.as_str() == text) {
            Some(consent) => {
                accept.insert(consent);
            }
            None => violations.push(Violation {
                field: format!("accept[{at}]"),
                description: format!(
                    "{text:?} is nothing to agree to: use {}",
                    Agreement::ALL.map(Agreement::as_str).join(" or ")
                ),
            }),
        }
    }
    accept
}
