//! What an operator asks of a node at hand: how it stands by its own ledger, and to be rid of
//! everything that is Weft's.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use weft_model::message::{Confirmed, Pin, Target};
use weft_model::name::VnetName;
use weft_model::plan::NodePlan;
use weft_model::report::Fault;
use weft_model::revision::{Epoch, RolloutId, Timestamp};
use weft_node::session::journal::State;
use weft_proto::convert::message::progress_word;

use crate::frr;
use crate::kernel::Places;
use crate::options::StatusFormat;
use crate::respite::{Respites, wall_clock};
use crate::session::Memory;
use crate::{dataplane, ledger, service};

/// What a ledger says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    cluster: Option<Pin>,
    epoch: Epoch,
    confirmed: Confirmed,
    unsettled: Option<Unsettled>,
    /// What is not healed, and until when.
    paused: Vec<String>,
    plan: NodePlan,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unsettled {
    state: &'static str,
    rollout: RolloutId,
    to: Target,
    faults: Vec<Fault>,
}

/// Reads how the node stands, beside an agent that may be running.
///
/// # Errors
/// When the ledger or its confirmed plan cannot be read.
pub fn status(state_dir: &Path) -> Result<Status> {
    let (journal, plans) = ledger::read(state_dir)?;
    let journal = journal.unwrap_or_default();
    let faults = match &journal.state {
        State::Reverting { faults, .. }
        | State::Reverted { faults, .. }
        | State::Stuck { faults, .. } => faults.clone(),
        State::Idle | State::Prepared { .. } | State::Armed { .. } | State::Verified { .. } => {
            Vec::new()
        }
    };
    let unsettled = match journal.state.standing() {
        weft_model::message::Standing::Settled => None,
        weft_model::message::Standing::Unsettled {
            rollout,
            to,
            progress,
        } => Some(Unsettled {
            state: progress_word(progress),
            rollout,
            to,
            faults,
        }),
    };
    Ok(Status {
        plan: plans.read(journal.confirmed.target.digest)?,
        cluster: journal.pin,
        epoch: journal.epoch,
        confirmed: journal.confirmed,
        unsettled,
        paused: Respites::read(state_dir)?.lines(wall_clock()),
    })
}

/// Gives vnets, or the whole node, a respite from healing; returns which there are now.
///
/// # Errors
/// When the state directory cannot be read or written.
pub fn pause_healing(state_dir: &Path, vnets: &[VnetName], time: Duration) -> Result<Vec<String>> {
    let now = wall_clock();
    let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let until = Timestamp(now.0.saturating_add(time));
    change_respites(state_dir, |respites| respites.give(vnets, until))
}

/// Ends respites; returns which there are still.
///
/// # Errors
/// When the state directory cannot be read or written.
pub fn resume_healing(state_dir: &Path, vnets: &[VnetName]) -> Result<Vec<String>> {
    change_respites(state_dir, |respites| respites.end(vnets))
}

fn change_respites(state_dir: &Path, change: impl FnOnce(&mut Respites)) -> Result<Vec<String>> {
    let mut respites = Respites::read(state_dir)?;
    change(&mut respites);
    respites.write(state_dir)?;
    Ok(respites.lines(wall_clock()))
}

/// The status as it is shown.
///
/// # Errors
/// Never, but for what JSON cannot hold.
pub fn show(status: &Status, format: StatusFormat) -> Result<String> {
    Ok(match format {
        StatusFormat::Text => status.to_string(),
        StatusFormat::Json => serde_json::to_string_pretty(status)? + "\n",
    })
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cluster {
            None => writeln!(f, "Cluster:    none yet")?,
            Some(pin) => writeln!(f, "Cluster:    {}", pin.cluster)?,
        }
        let Confirmed { rollout, target } = &self.confirmed;
        match rollout {
            RolloutId(0) => writeln!(f, "Confirmed:  nothing yet")?,
            rollout => writeln!(
                f,
                "Confirmed:  revision {}, by rollout {rollout}",
                target.revision
            )?,
        }
        match &self.unsettled {
            None => writeln!(f, "Unsettled:  nothing")?,
            Some(change) => {
                writeln!(
                    f,
                    "Unsettled:  revision {} of rollout {}: {}",
                    change.to.revision, change.rollout, change.state
                )?;
                for fault in &change.faults {
                    writeln!(f, "            {fault}")?;
                }
            }
        }
        for paused in &self.paused {
            writeln!(f, "Not healed: {paused}")?;
        }
        writeln!(f, "Plan:       {} entries", self.plan.len())?;
        for (key, entry) in self.plan.entries() {
            writeln!(f, "            {key}, for {}", entry.origin())?;
        }
        Ok(())
    }
}

/// Removes everything of Weft's from the kernel of this host; returns how many changes it took.
///
/// # Errors
/// When the agent is running, or something could not be removed.
pub async fn clean_up(
    state_dir: &Path,
    openvswitch: &Path,
    frr: frr::Settings,
    is_meant: bool,
) -> Result<u32> {
    if !is_meant {
        bail!("the guests on this host would lose their network: say so with --yes");
    }
    service::demand_rights()?;
    let memory = Memory::open(state_dir)?;
    let Some(cluster) = memory.cluster() else {
        return Ok(0);
    };
    let places = Places {
        switch: openvswitch.to_owned(),
        state: Some(state_dir.to_owned()),
        frr: Some(frr),
    };
    let dataplane = dataplane::open_at(Some(cluster), places).await?.dataplane;
    let applied = dataplane.apply(Arc::new(NodePlan::default())).await;
    let collected = dataplane.collect().await;
    match (applied, collected) {
        (Ok(applied), Ok(collected)) => Ok(applied.steps + collected),
        (applied, collected) => {
            let faults: Vec<_> = [applied.err(), collected.err()]
                .into_iter()
                .flatten()
                .flatten()
                .map(|fault| fault.to_string())
                .collect();
            bail!("not all is gone: {}", faults.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_model::plan::Entry;
    use weft_model::revision::RevisionId;
    use weft_node::session::journal::Journal;
    use weft_proto::digest;

    use super::*;

    #[test]
    fn the_status_tells_what_is_confirmed_and_what_of() {
        let directory = tempfile::tempdir().unwrap();
        let link = serde_json::json!({"link": {
            "name": "web",
            "origin": {"zone": "dmz", "vnet": "web"},
            "kind": {"bridge": {}},
        }});
        let entry: Entry = serde_json::from_value(link).unwrap();
        let plan: NodePlan = [entry].into_iter().collect();
        let digest = digest::plan(&plan);
        let mut ledger = ledger::Ledger::open(directory.path()).unwrap().ledger;
        ledger.plans().write(digest, &plan).unwrap();
        ledger
            .persist(&Journal {
                confirmed: Confirmed {
                    rollout: RolloutId(3),
                    target: Target {
                        revision: RevisionId(7),
                        digest,
                    },
                },
                ..Journal::default()
            })
            .unwrap();
        let status = status(directory.path()).unwrap();
        assert_eq!(
            show(&status, StatusFormat::Text).unwrap(),
            "Cluster:    none yet\n\
             Confirmed:  revision 7, by rollout 3\n\
             Unsettled:  nothing\n\
             Plan:       1 entries\n            device web, for vnet web of zone dmz\n"
        );
        let json: serde_json::Value =
            serde_json::from_str(&show(&status, StatusFormat::Json).unwrap()).unwrap();
        assert_eq!(json["confirmed"]["rollout"], 3);
        assert_eq!(json["plan"][0]["link"]["name"], "web");
    }
}
