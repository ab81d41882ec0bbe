//! The messages of the rollout protocol on the wire.
//!
//! A command that brings a plan carries it as a difference; the model's command has the digest of
//! the result only. So reading gives both, and writing takes both.

use std::collections::BTreeMap;

use weft_model::clock::Span;
use weft_model::message::{
    Answer, Command, Confirmed, Fence, Found, Gates, Hello, Lease, Pin, Progress, Standing, Target,
};
use weft_model::report::Fault;
use weft_model::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};

use super::fields::{Fields, Invalid};
use super::plan::{digest, digest_to_wire};
use crate::v1;
use crate::v1::answer::Answer as WireAnswer;
use crate::v1::command::Command as WireCommand;

impl From<&Fence> for v1::Fence {
    fn from(fence: &Fence) -> Self {
        Self {
            cluster: fence.cluster.to_string(),
            incarnation: fence.incarnation.0,
            epoch: fence.epoch.0,
            rollout: fence.rollout.0,
            nonce: fence.nonce.0,
        }
    }
}

impl TryFrom<&v1::Fence> for Fence {
    type Error = Invalid;

    fn try_from(wire: &v1::Fence) -> Result<Self, Invalid> {
        let cluster = ClusterId::try_from(wire.cluster.clone())
            .map_err(|error| Invalid::field("cluster", error))?;
        Ok(Self {
            cluster,
            incarnation: Incarnation(wire.incarnation),
            epoch: Epoch(wire.epoch),
            rollout: RolloutId(wire.rollout),
            nonce: Nonce(wire.nonce),
        })
    }
}

fn fence(wire: Option<&v1::Fence>) -> Result<Fence, Invalid> {
    let absent = v1::Fence::default();
    Fence::try_from(wire.unwrap_or(&absent)).map_err(|invalid| invalid.within("fence"))
}

impl From<&Answer> for WireAnswer {
    fn from(answer: &Answer) -> Self {
        let faults = |faults: &[Fault]| v1::Faults {
            faults: faults.iter().map(Into::into).collect(),
        };
        match answer {
            Answer::Prepared(found) => Self::Prepared(found.into()),
            Answer::Refused(list) => Self::Refused(faults(list)),
            Answer::Alive => Self::Alive(v1::Alive {}),
            Answer::Verified => Self::Verified(v1::Verified {}),
            Answer::Failed(list) => Self::Failed(faults(list)),
            Answer::Confirmed => Self::Confirmed(v1::Confirmed {}),
            Answer::RolledBack => Self::RolledBack(v1::RolledBack {}),
        }
    }
}

/// Writes the answer to the command with this fence.
pub fn answer_to_wire(fence: &Fence, answer: &Answer) -> v1::Answer {
    v1::Answer {
        fence: Some(fence.into()),
        answer: Some(answer.into()),
    }
}

/// Reads an answer, and the fence of the command that it answers.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn answer(wire: &v1::Answer) -> Result<(Fence, Answer), Invalid> {
    let fence = fence(wire.fence.as_ref())?;
    let faults = |wire: &v1::Faults| {
        let mut fields = Fields::default();
        let faults = read_faults("faults", &wire.faults, &mut fields);
        fields.finish(Some(faults))
    };
    let answer = match &wire.answer {
        Some(WireAnswer::Prepared(prepared)) => Answer::Prepared(found(prepared)?),
        Some(WireAnswer::Refused(list)) => Answer::Refused(faults(list)?),
        Some(WireAnswer::Alive(v1::Alive {})) => Answer::Alive,
        Some(WireAnswer::Verified(v1::Verified {})) => Answer::Verified,
        Some(WireAnswer::Failed(list)) => Answer::Failed(faults(list)?),
        Some(WireAnswer::Confirmed(v1::Confirmed {})) => Answer::Confirmed,
        Some(WireAnswer::RolledBack(v1::RolledBack {})) => Answer::RolledBack,
        None => return Err(Invalid::field("answer", "it is missing")),
    };
    Ok((fence, answer))
}

fn read_faults(field: &str, wire: &[v1::Fault], fields: &mut Fields) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, fault) in wire.iter().enumerate() {
        faults.extend(fields.within(&format!("{field}[{at}]"), Fault::try_from(fault)));
    }
    faults
}

impl From<&Found> for v1::Prepared {
    fn from(found: &Found) -> Self {
        let failing = |(probe, fault): (&_, &Fault)| v1::FailingProbe {
            probe: ToString::to_string(probe),
            fault: Some(fault.into()),
        };
        Self {
            steps: found.steps,
            failing: found.failing.iter().map(failing).collect(),
            disruptive: found.disruptive.iter().map(Into::into).collect(),
        }
    }
}

fn found(wire: &v1::Prepared) -> Result<Found, Invalid> {
    let mut fields = Fields::default();
    let mut failing = BTreeMap::new();
    for (at, it) in wire.failing.iter().enumerate() {
        let absent = v1::Fault::default();
        let fault = Fault::try_from(it.fault.as_ref().unwrap_or(&absent));
        let probe = fields.text(&format!("failing[{at}].probe"), &it.probe);
        let fault = fields.within(&format!("failing[{at}].fault"), fault);
        failing.extend(probe.zip(fault));
    }
    let found = Found {
        steps: wire.steps,
        failing,
        disruptive: read_faults("disruptive", &wire.disruptive, &mut fields),
    };
    fields.finish(Some(found))
}

impl From<&Gates> for v1::Gates {
    fn from(gates: &Gates) -> Self {
        Self {
            probes: gates.probes.iter().map(ToString::to_string).collect(),
            limit_ms: gates.limit.0,
            sessions_may_fall: gates.sessions_may_fall,
        }
    }
}

/// Controllers that know of no gates leave them out.
fn gates(wire: Option<v1::Gates>) -> Result<Gates, Invalid> {
    let Some(wire) = wire else {
        return Ok(Gates::default());
    };
    let mut fields = Fields::default();
    let gates = Gates {
        probes: fields.texts("gates.probes", &wire.probes),
        limit: Span(wire.limit_ms),
        sessions_may_fall: wire.sessions_may_fall,
    };
    if !gates.probes.is_empty() && gates.limit.0 == 0 {
        fields.refuse("gates.limit", "it must be longer than nothing");
    }
    fields.finish(Some(gates))
}

impl From<Target> for v1::Target {
    fn from(target: Target) -> Self {
        Self {
            revision: target.revision.0,
            digest: digest_to_wire(target.digest),
        }
    }
}

fn target(field: &str, wire: Option<&v1::Target>) -> Result<Target, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::field(field, "it is missing"))?;
    let digest = digest(&wire.digest).map_err(|invalid| invalid.within(field))?;
    Ok(Target {
        revision: RevisionId(wire.revision),
        digest,
    })
}

impl From<Lease> for v1::Lease {
    fn from(lease: Lease) -> Self {
        Self {
            contact_ms: lease.contact.0,
            cap_ms: lease.cap.0,
        }
    }
}

fn lease(wire: Option<v1::Lease>) -> Result<Lease, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::field("lease", "it is missing"))?;
    if wire.contact_ms == 0 || wire.cap_ms == 0 {
        return Err(Invalid::field("lease", "it must be longer than nothing"));
    }
    Ok(Lease {
        contact: Span(wire.contact_ms),
        cap: Span(wire.cap_ms),
    })
}

/// Reads a command, and the plan that it brings where it brings one.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn command(wire: v1::Command) -> Result<(Fence, Command, Option<v1::PlanDelta>), Invalid> {
    let fence = fence(wire.fence.as_ref())?;
    let (command, plan) = match wire.command {
        Some(WireCommand::Prepare(prepare)) => (
            Command::Prepare {
                from: target("from", prepare.from.as_ref())?,
                to: target("to", prepare.to.as_ref())?,
                lease: lease(prepare.lease)?,
                gates: gates(prepare.gates)?,
            },
            prepare.plan,
        ),
        Some(WireCommand::CatchUp(catch_up)) => (
            Command::CatchUp {
                to: target("to", catch_up.to.as_ref())?,
                lease: lease(catch_up.lease)?,
            },
            catch_up.plan,
        ),
        Some(WireCommand::Apply(v1::Apply {})) => (Command::Apply, None),
        Some(WireCommand::KeepAlive(v1::KeepAlive {})) => (Command::KeepAlive, None),
        Some(WireCommand::Check(v1::Check {})) => (Command::Check, None),
        Some(WireCommand::Confirm(v1::Confirm {})) => (Command::Confirm, None),
        Some(WireCommand::Rollback(v1::Rollback {})) => (Command::Rollback, None),
        None => return Err(Invalid::field("command", "it is missing")),
    };
    Ok((fence, command, plan))
}

/// Writes a command. `plan` is the difference that a prepare or a catch-up brings.
pub fn command_to_wire(
    fence: &Fence,
    command: &Command,
    plan: Option<v1::PlanDelta>,
) -> v1::Command {
    let command = match command {
        Command::Prepare {
            from,
            to,
            lease,
            gates,
        } => WireCommand::Prepare(v1::Prepare {
            from: Some((*from).into()),
            to: Some((*to).into()),
            plan,
            lease: Some((*lease).into()),
            gates: Some(gates.into()).filter(|_| !gates.is_empty()),
        }),
        Command::CatchUp { to, lease } => WireCommand::CatchUp(v1::CatchUp {
            to: Some((*to).into()),
            plan,
            lease: Some((*lease).into()),
        }),
        Command::Apply => WireCommand::Apply(v1::Apply {}),
        Command::KeepAlive => WireCommand::KeepAlive(v1::KeepAlive {}),
        Command::Check => WireCommand::Check(v1::Check {}),
        Command::Confirm => WireCommand::Confirm(v1::Confirm {}),
        Command::Rollback => WireCommand::Rollback(v1::Rollback {}),
    };
    v1::Command {
        fence: Some(fence.into()),
        command: Some(command),
    }
}

/// How far an unsettled change is, as the wire says it.
const PROGRESS: [(Progress, &str); 6] = [
    (Progress::Prepared, "prepared"),
    (Progress::Armed, "armed"),
    (Progress::Verified, "verified"),
    (Progress::Reverting, "reverting"),
    (Progress::Reverted, "reverted"),
    (Progress::Stuck, "stuck"),
];

/// The word for how far an unsettled change is.
pub fn progress_word(progress: Progress) -> &'static str {
    PROGRESS
        .iter()
        .find(|(known, _)| *known == progress)
        .map_or("", |(_, word)| word)
}

/// Writes the protocol's part of a hello; who the agent is and its facts are for the caller.
pub fn hello_to_wire(hello: &Hello) -> v1::Hello {
    let unsettled = match hello.standing {
        Standing::Settled => None,
        Standing::Unsettled {
            rollout,
            to,
            progress,
        } => Some(v1::Unsettled {
            rollout: rollout.0,
            to: Some(to.into()),
            progress: progress_word(progress).to_owned(),
        }),
    };
    v1::Hello {
        cluster: hello
            .pin
            .as_ref()
            .map(|pin| pin.cluster.to_string())
            .unwrap_or_default(),
        incarnation: hello.pin.as_ref().map_or(0, |pin| pin.incarnation.0),
        epoch: hello.epoch.0,
        confirmed: Some(v1::Confirmation {
            rollout: hello.confirmed.rollout.0,
            target: Some(hello.confirmed.target.into()),
        }),
        unsettled,
        ..v1::Hello::default()
    }
}

/// Reads the protocol's part of a hello.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn hello(wire: &v1::Hello) -> Result<Hello, Invalid> {
    let pin = if wire.cluster.is_empty() {
        None
    } else {
        let cluster = ClusterId::try_from(wire.cluster.clone())
            .map_err(|error| Invalid::field("cluster", error))?;
        Some(Pin {
            cluster,
            incarnation: Incarnation(wire.incarnation),
        })
    };
    let confirmed = match &wire.confirmed {
        None => Confirmed::default(),
        Some(confirmed) => Confirmed {
            rollout: RolloutId(confirmed.rollout),
            target: target("confirmed.target", confirmed.target.as_ref())?,
        },
    };
    let standing = match &wire.unsettled {
        None => Standing::Settled,
        Some(unsettled) => Standing::Unsettled {
            rollout: RolloutId(unsettled.rollout),
            to: target("unsettled.to", unsettled.to.as_ref())?,
            progress: PROGRESS
                .iter()
                .find(|(_, word)| *word == unsettled.progress)
                .map(|(progress, _)| *progress)
                .ok_or_else(|| Invalid::field("unsettled.progress", "it is no known word"))?,
        },
    };
    Ok(Hello {
        pin,
        epoch: Epoch(wire.epoch),
        confirmed,
        standing,
    })
}
