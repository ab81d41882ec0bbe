//! How far a rollout is, in lines.
//!
//! On a terminal the present state is drawn over the last; elsewhere one line is printed for every
//! change, and for many nodes one line with counts.

use std::collections::BTreeMap;

use weft_proto::v1;

use crate::console::safe;

/// More nodes than these are told as counts.
const FEW: usize = 16;

/// What changed between two states of a rollout, a line each.
pub fn changes(before: Option<&v1::Rollout>, now: &v1::Rollout) -> Vec<String> {
    let mut lines = Vec::new();
    let was = before.map(|it| (it.phase.as_str(), it.decision.as_str()));
    if was != Some((now.phase.as_str(), now.decision.as_str())) {
        lines.push(headline(now));
    }
    let earlier = before.iter().flat_map(|it| &it.nodes);
    let earlier: BTreeMap<&str, &v1::RolloutNode> =
        earlier.map(|it| (it.node.as_str(), it)).collect();
    let few = now.nodes.len() <= FEW;
    for node in &now.nodes {
        let was = earlier.get(node.node.as_str());
        // A fault stays with its node to the end, and is told once.
        let is_told = was.is_some_and(|it| it.faults == node.faults);
        let is_new = was.is_none_or(|it| it.state != node.state);
        if is_new && (few || !is_told && !node.faults.is_empty()) {
            lines.push(format!("  {}: {}", safe(&node.node), node.state));
        }
        if !is_told {
            lines.extend(faults(node));
        }
    }
    let (old, new) = (before.map(counts), counts(now));
    if !few && old.as_ref() != Some(&new) {
        lines.push(format!("  {new}"));
    }
    lines
}

/// The present state, for drawing over the last.
pub fn picture(now: &v1::Rollout) -> Vec<String> {
    let mut lines = vec![headline(now)];
    if now.nodes.len() <= FEW {
        let width = now.nodes.iter().map(|it| it.node.len()).max().unwrap_or(0);
        for node in &now.nodes {
            lines.push(format!("  {:width$}  {}", safe(&node.node), node.state));
        }
    } else {
        lines.push(format!("  {}", counts(now)));
    }
    lines
}

/// One line for the whole.
pub fn headline(now: &v1::Rollout) -> String {
    let mut line = format!(
        "rollout {} to revision {}: {}",
        now.rollout, now.to, now.phase
    );
    if now.confirm_remaining_seconds > 0 {
        let left = now.confirm_remaining_seconds;
        line.push_str(&format!(
            ": confirm with weftctl rollout confirm within {left}s, or all nodes return"
        ));
    } else if now.soak_remaining_seconds > 0 {
        let left = now.soak_remaining_seconds;
        line.push_str(&format!(": {}, {left}s left", safe(&now.reason)));
    } else if !now.reason.is_empty() {
        line.push_str(&format!(": {}", safe(&now.reason)));
    }
    line
}

/// What a node would not or could not do, a line each: object, attempt, cause, advice.
pub fn faults(node: &v1::RolloutNode) -> Vec<String> {
    let tell = |it| fault(&node.node, it);
    node.faults.iter().map(tell).collect()
}

/// One thing that a node would not or could not do.
pub fn fault(node: &str, fault: &v1::Fault) -> String {
    let origin = match &fault.origin {
        Some(origin) if !origin.host.is_empty() => format!("host network {}: ", origin.host),
        Some(origin) if !origin.controller.is_empty() => {
            format!("controller {}: ", origin.controller)
        }
        Some(origin) if !origin.fabric.is_empty() => format!("fabric {}: ", origin.fabric),
        Some(origin) if !origin.snippet.is_empty() => format!("snippet {}: ", origin.snippet),
        Some(origin) if origin.vnet.is_empty() => format!("zone {}: ", origin.zone),
        Some(origin) => format!("vnet {} of zone {}: ", origin.vnet, origin.zone),
        None => String::new(),
    };
    let advice = match fault.advice.as_str() {
        "" => String::new(),
        advice => format!(": {advice}"),
    };
    let v1::Fault { attempt, cause, .. } = fault;
    safe(&format!("  {node}: {origin}{attempt}: {cause}{advice}"))
}

fn counts(now: &v1::Rollout) -> String {
    let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &now.nodes {
        *by_state.entry(&node.state).or_default() += 1;
    }
    let told = by_state
        .iter()
        .map(|(state, count)| format!("{count} {state}"));
    let told = told.collect::<Vec<_>>().join(", ");
    format!("{} nodes: {told}", now.nodes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(phase: &str, nodes: &[(&str, &str)]) -> v1::Rollout {
        let node = |(name, state): &(&str, &str)| v1::RolloutNode {
            node: (*name).to_owned(),
            state: (*state).to_owned(),
            ..v1::RolloutNode::default()
        };
        v1::Rollout {
            rollout: 4,
            from: 1,
            to: 2,
            phase: phase.to_owned(),
            decision: "none".to_owned(),
            nodes: nodes.iter().map(node).collect(),
            ..v1::Rollout::default()
        }
    }

    #[test]
    fn only_what_changed_is_told() {
        let first = rollout("Preparing", &[("n1", "Preparing"), ("n2", "Preparing")]);
        let next = rollout("Preparing", &[("n1", "Prepared"), ("n2", "Preparing")]);
        assert_eq!(
            changes(None, &first),
            [
                "rollout 4 to revision 2: Preparing",
                "  n1: Preparing",
                "  n2: Preparing"
            ]
        );
        assert_eq!(changes(Some(&first), &next), ["  n1: Prepared"]);
        assert_eq!(changes(Some(&next), &next), Vec::<String>::new());
    }

    #[test]
    fn a_refusal_names_node_vnet_cause_and_advice() {
        let before = rollout("Preparing", &[("n2", "Preparing")]);
        let mut now = rollout("Aborted", &[("n2", "Refused")]);
        now.reason = "a node refused".to_owned();
        now.nodes[0].faults.push(v1::Fault {
            origin: Some(v1::Origin {
                zone: "blue".to_owned(),
                vnet: "web".to_owned(),
                ..v1::Origin::default()
            }),
            attempt: "cannot create device web".to_owned(),
            cause: "someone else's device has that name".to_owned(),
            advice: "rename it".to_owned(),
        });
        assert_eq!(
            changes(Some(&before), &now),
            [
                "rollout 4 to revision 2: Aborted: a node refused",
                "  n2: Refused",
                "  n2: vnet web of zone blue: cannot create device web: someone else's device has \
                 that name: rename it"
            ]
        );
    }

    #[test]
    fn a_fault_is_told_once() {
        let mut before = rollout("Preparing", &[("n2", "Refused")]);
        before.nodes[0].faults.push(v1::Fault {
            attempt: "cannot create device web".to_owned(),
            cause: "it is there".to_owned(),
            ..v1::Fault::default()
        });
        let mut now = before.clone();
        now.nodes[0].state = "RolledBack".to_owned();
        assert_eq!(changes(Some(&before), &now), ["  n2: RolledBack"]);
    }

    #[test]
    fn many_nodes_are_counted() {
        let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
        let states = |state: &'static str| -> Vec<(&str, &str)> {
            names.iter().map(|name| (name.as_str(), state)).collect()
        };
        let before = rollout("Preparing", &states("Preparing"));
        let mut next = states("Preparing");
        next[0].1 = "Prepared";
        let now = rollout("Preparing", &next);
        assert_eq!(
            changes(Some(&before), &now),
            ["  100 nodes: 1 Prepared, 99 Preparing"]
        );
        assert_eq!(picture(&now).len(), 2);
    }
}
