//! A rollout on one screen: where every node is, why, and what it waits for.

use std::collections::BTreeMap;
use std::time::SystemTime;

use weft_proto::v1;

use crate::console::safe;
use crate::moment;
use crate::progress;
use crate::table::Columns;

/// More nodes than these are counted, and only those that others wait for are shown.
const SCREEN: usize = 24;

/// The states of nodes, those first that others wait for or should hear of.
const ORDER: [&str; 12] = [
    "Failed",
    "Refused",
    "Offline",
    "Reconnecting",
    "Converging",
    "Applying",
    "Preparing",
    "Waiting",
    "Prepared",
    "Verified",
    "RolledBack",
    "Confirmed",
];

/// The page.
pub fn text(rollout: &v1::Rollout, all: bool, now: SystemTime) -> String {
    let mut text = head(rollout, now).join("\n") + "\n";
    let shown = shown(&rollout.nodes, all);
    let hidden = rollout.nodes.len() - shown.len();
    if hidden > 0 {
        text = format!("{text}\n{}\n", counts(&rollout.nodes));
    }
    let is_over = rollout.nodes.iter().chain(&rollout.deferred_nodes);
    if is_over.clone().any(|node| node.at > 0) {
        let shown = shown.iter().copied().chain(&rollout.deferred_nodes);
        text = format!("{text}\n{}", ends(shown));
    } else if !shown.is_empty() {
        let mut columns = Columns::new(&["NODE", "WAVE", "STATE", "STEPS", "WHY"]);
        for node in &shown {
            columns.row([
                safe(&node.node),
                node.wave.to_string(),
                safe(&node.state),
                node.steps.to_string(),
                safe(&node.detail),
            ]);
        }
        text = format!("{text}\n{}", columns.text());
    }
    if hidden > 0 {
        text = format!("{text}... and {hidden} more: --all shows every node\n");
    }
    let told = |faults: &dyn Fn(&v1::RolloutNode) -> Vec<v1::Fault>| -> Vec<String> {
        let lines = rollout.nodes.iter().flat_map(|node| {
            let faults = faults(node);
            let name = node.node.clone();
            faults
                .into_iter()
                .map(move |fault| progress::fault(&name, &fault))
        });
        let limit = if all { usize::MAX } else { SCREEN };
        lines.take(limit).collect()
    };
    let lists = [
        ("Faults", told(&|node| node.faults.clone())),
        (
            "Failed before the change, and not counted",
            told(&|node| node.failing_before.clone()),
        ),
        (
            "Taken away from guests, as agreed",
            told(&|node| {
                let agreed = node.state != "Refused" && node.trouble != "refused";
                node.disruptive.iter().filter(|_| agreed).cloned().collect()
            }),
        ),
    ];
    for (title, lines) in lists {
        if !lines.is_empty() {
            text = format!("{text}\n{title}:\n{}\n", lines.join("\n"));
        }
    }
    text
}

fn head(rollout: &v1::Rollout, now: SystemTime) -> Vec<String> {
    let mut lines = vec![
        progress::headline(rollout),
        format!(
            "from revision {} to {}, by {}, {} ago",
            rollout.from,
            rollout.to,
            said(&rollout.author),
            moment::age(rollout.started, now)
        ),
    ];
    if !rollout.message.is_empty() {
        lines.push(format!("message: {}", safe(&rollout.message)));
    }
    if rollout.decided > 0 {
        lines.push(format!(
            "decision: {}, {} ago",
            safe(&rollout.decision),
            moment::age(rollout.decided, now)
        ));
    }
    if rollout.waves > 1 && rollout.waves_begun > 0 {
        lines.push(format!(
            "waves: {} of {} have begun",
            rollout.waves_begun, rollout.waves
        ));
    }
    if !rollout.probes.is_empty() {
        lines.push(format!("probes: {}", safe(&rollout.probes.join(", "))));
    }
    if !rollout.confirmed_by.is_empty() {
        lines.push(format!("confirmed by: {}", safe(&rollout.confirmed_by)));
    }
    if !rollout.deferred.is_empty() {
        let deferred = safe(&rollout.deferred.join(", "));
        lines.push(format!("left out because they are offline: {deferred}"));
    }
    lines
}

/// The nodes to show: those that others wait for come first, where not all are shown.
fn shown(nodes: &[v1::RolloutNode], all: bool) -> Vec<&v1::RolloutNode> {
    let mut shown: Vec<_> = nodes.iter().collect();
    if !all && nodes.len() > SCREEN {
        let rank = |node: &&v1::RolloutNode| ORDER.iter().position(|state| *state == node.state);
        shown.sort_by_key(rank);
        shown.truncate(SCREEN);
    }
    shown
}

fn counts(nodes: &[v1::RolloutNode]) -> String {
    let mut by_wave: BTreeMap<u32, BTreeMap<&str, usize>> = BTreeMap::new();
    for node in nodes {
        let wave = by_wave.entry(node.wave).or_default();
        *wave.entry(node.state.as_str()).or_default() += 1;
    }
    let few = by_wave.len() <= SCREEN / 2;
    let mut sums: BTreeMap<Option<u32>, BTreeMap<&str, usize>> = BTreeMap::new();
    for (wave, states) in by_wave {
        let sum = sums.entry(few.then_some(wave)).or_default();
        for (state, count) in states {
            *sum.entry(state).or_default() += count;
        }
    }
    let line = |(wave, states): (Option<u32>, BTreeMap<&str, usize>)| {
        let states: Vec<_> = states
            .iter()
            .map(|(state, count)| format!("{count} {}", safe(state)))
            .collect();
        match wave {
            Some(wave) => format!("wave {wave}: {}", states.join(", ")),
            None => format!("all waves: {}", states.join(", ")),
        }
    };
    sums.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How every node stood at the end, and what came of those that were away.
fn ends<'a>(nodes: impl Iterator<Item = &'a v1::RolloutNode>) -> String {
    let mut columns = Columns::new(&["NODE", "END", "STEPS", "WHEN", "LATER"]);
    for node in nodes {
        let end = match node.trouble.as_str() {
            "" => safe(&node.state),
            trouble => format!("{} ({})", safe(&node.state), safe(trouble)),
        };
        let later = match node.later {
            0 => String::new(),
            at => format!(
                "at revision {} since {}",
                node.later_revision,
                moment::rfc3339(at)
            ),
        };
        let when = moment::rfc3339(node.at);
        columns.row([safe(&node.node), end, node.steps.to_string(), when, later]);
    }
    columns.text()
}

fn said(author: &str) -> String {
    match author {
        "" => "somebody".to_owned(),
        author => safe(author),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: usize, wave: u32, state: &str, detail: &str) -> v1::RolloutNode {
        v1::RolloutNode {
            node: format!("n{number}"),
            state: state.to_owned(),
            steps: 3,
            wave,
            detail: detail.to_owned(),
            ..v1::RolloutNode::default()
        }
    }

    #[test]
    fn a_rollout_of_many_nodes_fits_a_screen_with_those_first_that_others_wait_for() {
        let mut nodes: Vec<_> = (1..=98)
            .map(|number| node(number, 2, "Verified", "waits for the others"))
            .collect();
        nodes.push(node(99, 1, "Verified", "waits for the others"));
        nodes.push(node(
            100,
            2,
            "Applying",
            "makes 3 changes, then probes road",
        ));
        nodes[98].failing_before = vec![v1::Fault {
            attempt: "probe road fails before the change".to_owned(),
            cause: "it ended with 1 and said nothing".to_owned(),
            advice: "it is not counted".to_owned(),
            ..v1::Fault::default()
        }];
        let rollout = v1::Rollout {
            rollout: 4,
            from: 1,
            to: 2,
            phase: "Applying".to_owned(),
            decision: "none".to_owned(),
            reason: "wave 2 of 2: 99 of 100 nodes are verified, 1 are applying".to_owned(),
            author: "ada@n1".to_owned(),
            started: 1_700_000_000_000,
            nodes,
            waves: 2,
            waves_begun: 2,
            probes: vec!["road".to_owned()],
            ..v1::Rollout::default()
        };
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_060);
        let page = text(&rollout, false, now);
        assert!(page.lines().count() < 45);
        insta::assert_snapshot!(page);
        assert_eq!(text(&rollout, true, now).lines().count(), 109);
    }

    #[test]
    fn the_end_of_every_node_is_told_and_what_came_of_those_that_were_away() {
        let node = |name: &str, state: &str| v1::RolloutNode {
            node: name.to_owned(),
            state: state.to_owned(),
            steps: 2,
            at: 1_700_000_000_000,
            ..v1::RolloutNode::default()
        };
        let failed = v1::RolloutNode {
            trouble: "failed".to_owned(),
            ..node("n1", "RolledBack")
        };
        let late = v1::RolloutNode {
            later: 1_700_000_600_000,
            later_revision: 7,
            ..node("n2", "Offline")
        };
        assert_eq!(
            ends([failed, late].iter()),
            "NODE  END                  STEPS  WHEN                  LATER\n\
             n1    RolledBack (failed)  2      2023-11-14T22:13:20Z  -\n\
             n2    Offline              2      2023-11-14T22:13:20Z  at revision 7 since \
             2023-11-14T22:23:20Z\n"
        );
    }
}
