//! Commands on their way to agents, with the plans that they bring.

use tracing::{debug, warn};
use weft_model::message::{Command, Fence};
use weft_model::name::NodeName;
use weft_model::revision::Nonce;
use weft_proto::convert::message::command_to_wire;
use weft_proto::convert::plan::whole_to_wire;
use weft_proto::v1;

use super::Term;

impl Term {
    /// Sends every command. Plans are put together before the board is written, so that nobody
    /// waits for them.
    pub(super) fn send_all(&mut self, commands: Vec<(NodeName, Fence, Command)>) {
        if commands.is_empty() {
            return;
        }
        let mut lost = Vec::new();
        let messages: Vec<_> = commands
            .into_iter()
            .map(|(node, fence, command)| {
                let plan = self.plan_for(&node, &command);
                debug!(node = %node, rollout = %fence.rollout, command = word(&command), "send");
                let wire = command_to_wire(&fence, &command, plan);
                let message = v1::down::Message::Command(wire);
                (node, message)
            })
            .collect();
        self.parts.board.write(|state| {
            for (node, message) in messages {
                let was = state.roster.is_connected(&node);
                let down = v1::Down {
                    message: Some(message),
                };
                if !state.roster.send(&node, down) && was {
                    lost.push(node);
                }
            }
        });
        for node in lost {
            self.lost(&node);
        }
    }

    /// Sends the whole plan that a command's difference did not fit.
    pub(super) fn send_whole(&mut self, node: &NodeName, nonce: Nonce) {
        let staged = self.parts.board.read(|state| {
            let course = state.course.as_ref()?;
            (!course.is_committed() && !course.is_closed() && course.has(node))
                .then(|| course.whole(node))
        });
        let plan = staged.unwrap_or_else(|| whole_to_wire(&self.head().plan(node)));
        warn!(node = %node, entries = plan.put.len(), "plan sent whole, the difference did not fit");
        let message = v1::down::Message::Plan(v1::Plan {
            nonce: nonce.0,
            plan: Some(plan),
        });
        let down = v1::Down {
            message: Some(message),
        };
        self.parts
            .board
            .write(|state| state.roster.send(node, down));
    }

    fn plan_for(&self, node: &NodeName, command: &Command) -> Option<v1::PlanDelta> {
        match command {
            Command::Prepare { .. } => self.parts.board.read(|state| {
                let holds = state.roster.get(node)?.confirmed().target.digest;
                Some(state.course.as_ref()?.plan_for(node, holds))
            }),
            Command::CatchUp { .. } => Some(whole_to_wire(&self.head().plan(node))),
            Command::Apply
            | Command::KeepAlive
            | Command::Check
            | Command::Confirm
            | Command::Rollback => None,
        }
    }
}

fn word(command: &Command) -> &'static str {
    match command {
        Command::Prepare { .. } => "prepare",
        Command::Apply => "apply",
        Command::KeepAlive => "keep-alive",
        Command::Check => "check",
        Command::Confirm => "confirm",
        Command::Rollback => "rollback",
        Command::CatchUp { .. } => "catch-up",
    }
}
