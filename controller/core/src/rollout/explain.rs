//! Why one participant is where it is, and what it waits for, in words for people.

use weft_model::clock::Moment;

use super::machine::Rollout;
use super::node::{Look, Node, Seen};
use super::policy::Confirm;
use super::record::Phase;
use super::status::NodeProgress;

impl Rollout {
    /// Why a participant is where it is; empty where its faults say it.
    pub(super) fn explain(&self, node: &Node, progress: NodeProgress, now: Moment) -> String {
        let record = &self.record;
        match progress {
            NodeProgress::Waiting => "was not heard of yet".to_owned(),
            NodeProgress::Preparing => "checks and stages its plan".to_owned(),
            NodeProgress::Prepared => self.turn(node, now),
            NodeProgress::Refused | NodeProgress::Failed => String::new(),
            NodeProgress::Applying => self.work(node),
            NodeProgress::Reconnecting => {
                "opens a new connection, over which it says how it went".to_owned()
            }
            NodeProgress::Verified => self.rest(node, now),
            NodeProgress::Confirmed => format!("keeps revision {}", record.to),
            NodeProgress::RolledBack => format!("is back at revision {}", record.from),
            NodeProgress::Converging => "has not said that it heard the decision".to_owned(),
            NodeProgress::Offline => match node.lease.filter(|_| node.seen == Seen::Verified) {
                Some(until) => format!(
                    "was verified and is not connected; counts as lost in {}",
                    seconds(now, until)
                ),
                None => "is not connected".to_owned(),
            },
        }
    }

    /// What a node that is prepared waits for.
    fn turn(&self, node: &Node, now: Moment) -> String {
        let (nodes, prepared) = (self.tally.nodes, self.tally.prepared);
        match self.record.phase {
            Phase::Preparing => format!("waits until all are prepared: {prepared} of {nodes} are"),
            Phase::Applying { paused: true } => "waits until the rollout is resumed".to_owned(),
            _ => {
                let begun = self.waves.last_begun();
                let wave = node.wave + 1;
                match begun {
                    Some(begun) if node.wave <= begun => {
                        format!("waits for its turn: {} are applying", self.tally.in_flight)
                    }
                    Some(begun) if self.looking => {
                        format!(
                            "waits for wave {wave}: nodes up to wave {} are asked once more",
                            begun + 1
                        )
                    }
                    Some(begun) if node.wave == begun + 1 => {
                        match self.waves.next_begin(self.record.policy.pause) {
                            Some(at) => format!("waits for wave {wave}, in {}", seconds(now, at)),
                            None => format!(
                                "waits for wave {wave}: {} nodes of wave {} are not verified",
                                self.waves.unverified(),
                                begun + 1
                            ),
                        }
                    }
                    Some(_) | None => format!("waits for wave {wave}"),
                }
            }
        }
    }

    fn work(&self, node: &Node) -> String {
        let changes = node.found.steps;
        let probes: Vec<_> = self
            .record
            .policy
            .gates
            .probes
            .iter()
            .filter(|probe| !node.found.failing.contains_key(*probe))
            .map(AsRef::<str>::as_ref)
            .collect();
        match probes.as_slice() {
            [] => format!("makes {changes} changes"),
            probes => format!("makes {changes} changes, then probes {}", probes.join(", ")),
        }
    }

    /// What a node that is verified waits for.
    fn rest(&self, node: &Node, now: Moment) -> String {
        let (nodes, verified) = (self.tally.nodes, self.tally.verified);
        match node.look {
            Look::Asked(_) => return "is asked once more whether all is well".to_owned(),
            Look::Well => return "says once more that all is well".to_owned(),
            Look::None => {}
        }
        if verified < nodes {
            return format!("waits for the others: {verified} of {nodes} are verified");
        }
        let soak = self.soak_until().filter(|until| now < *until);
        match (soak, self.record.policy.confirm) {
            (Some(until), _) => format!("must stand by it for {} more", seconds(now, until)),
            (None, Confirm::Manual { .. }) if !self.is_confirmed() => {
                "waits for a person to confirm".to_owned()
            }
            (None, Confirm::Auto | Confirm::Manual { .. }) => "waits for the decision".to_owned(),
        }
    }
}

fn seconds(now: Moment, until: Moment) -> String {
    format!("{} s", now.until(until).0.div_ceil(1_000))
}
