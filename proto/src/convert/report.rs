//! Faults and events on the wire.

use weft_model::name::NodeName;
use weft_model::plan::Origin;
use weft_model::report::{EventKind, Fault, NodeEvent};
use weft_model::revision::Timestamp;

use super::fields::Invalid;
use crate::v1;

impl From<&Fault> for v1::Fault {
    fn from(fault: &Fault) -> Self {
        Self {
            origin: fault.origin.as_ref().map(Into::into),
            attempt: fault.attempt.clone(),
            cause: fault.cause.clone(),
            advice: fault.advice.clone(),
        }
    }
}

impl TryFrom<&v1::Fault> for Fault {
    type Error = Invalid;

    fn try_from(wire: &v1::Fault) -> Result<Self, Invalid> {
        Ok(Self {
            origin: wire.origin.as_ref().map(Origin::try_from).transpose()?,
            attempt: printable(&wire.attempt),
            cause: printable(&wire.cause),
            advice: printable(&wire.advice),
        })
    }
}

/// Text from a node ends up on terminals: what does not print is shown escaped.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// Writes an event of a node.
pub fn event_to_wire(node: &NodeName, event: &NodeEvent) -> v1::NodeEvent {
    v1::NodeEvent {
        node: node.to_string(),
        at: event.at.0,
        reason: event.kind.as_str().to_owned(),
        message: event.message.clone(),
        origin: event.origin.as_ref().map(Into::into),
    }
}

impl TryFrom<&v1::NodeEvent> for NodeEvent {
    type Error = Invalid;

    fn try_from(wire: &v1::NodeEvent) -> Result<Self, Invalid> {
        let kind = EventKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == wire.reason)
            .ok_or_else(|| {
                Invalid::field("reason", format!("{:?} is not an event", wire.reason))
            })?;
        Ok(Self {
            at: Timestamp(wire.at),
            kind,
            origin: wire.origin.as_ref().map(Origin::try_from).transpose()?,
            message: printable(&wire.message),
        })
    }
}
