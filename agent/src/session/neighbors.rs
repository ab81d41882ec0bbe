//! Routing sessions around a change: those that were up before it must be up again after it.
//!
//! # Guarantees
//! * What was up is noted on disk before anything is changed, so that an agent which dies in the
//!   middle asks for no less when it goes on.
//! * A session that the change takes away, or that anyone else takes away meanwhile, is not waited
//!   for: only one that is configured and down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;
use weft_model::report::Fault;
use weft_model::revision::RolloutId;

use crate::frr::state::{self, Session, SessionName};

/// How long sessions may take until they are up again: FRR calls a neighbor anew within 10 s by the
/// `datacenter` profile, and may be refused once.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Where FRR is, and where is noted what was up. As usual there is none, and nothing is looked for.
#[derive(Clone, Debug, Default)]
pub struct Neighbors {
    /// The directory of the sockets of FRR's daemons.
    pub run: Option<PathBuf>,
    /// The file.
    pub note: Option<PathBuf>,
}

/// What was up before a rollout changed anything.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Note {
    rollout: RolloutId,
    up: BTreeSet<SessionName>,
}

impl Neighbors {
    /// The sessions that are up, or were when this rollout began to change the node.
    pub(super) async fn before(&self, rollout: RolloutId) -> BTreeSet<SessionName> {
        let Some(run) = &self.run else {
            return BTreeSet::new();
        };
        if let Some(note) = self.noted().await
            && note.rollout == rollout
        {
            return note.up;
        }
        let all = state::sessions(run).await.unwrap_or_default();
        let up: BTreeSet<SessionName> = all
            .into_iter()
            .filter(|(_, session)| session.is_up())
            .map(|(name, _)| name)
            .collect();
        if !up.is_empty() {
            let note = Note { rollout, up };
            self.write(&note).await;
            return note.up;
        }
        up
    }

    /// Waits until all of these are up.
    ///
    /// # Errors
    /// Names those that are configured and not up when time is over.
    pub(super) async fn again(&self, before: &BTreeSet<SessionName>) -> Result<(), Vec<Fault>> {
        let Some(run) = self.run.as_ref().filter(|_| !before.is_empty()) else {
            return Ok(());
        };
        let end = Instant::now() + LIMIT;
        loop {
            let now = state::sessions(run).await;
            let missing = missing(before, now.as_ref());
            if missing.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(missing);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn noted(&self) -> Option<Note> {
        let bytes = tokio::fs::read(self.note.as_ref()?).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// A note that cannot be written costs an agent that dies in the middle what it was to ask for.
    async fn write(&self, note: &Note) {
        let Some(file) = &self.note else {
            return;
        };
        if let Err(error) = replace(file, note).await {
            warn!(file = %file.display(), %error, "cannot note which routing sessions are up");
        }
    }
}

async fn replace(file: &Path, note: &Note) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    tokio::fs::write(&fresh, serde_json::to_vec(note)?).await?;
    tokio::fs::rename(&fresh, file).await
}

/// What is not as it was. `now` is `None` where bgpd does not answer.
fn missing(
    before: &BTreeSet<SessionName>,
    now: Option<&BTreeMap<SessionName, Session>>,
) -> Vec<Fault> {
    let lacking = |name: &&SessionName| match now {
        None => true,
        Some(now) => now.get(*name).is_some_and(|session| !session.is_up()),
    };
    let fault = |name: &SessionName| {
        let mut whom = format!("{} for {}", name.peer, name.family);
        if name.vrf != "default" {
            // Writing to a String cannot fail.
            let _ = write!(whom, " in {}", name.vrf);
        }
        let state = now.and_then(|now| now.get(name));
        let state = state.map_or("bgpd does not answer".to_owned(), |session| {
            format!("it is {}", session.state)
        });
        Fault {
            origin: None,
            attempt: format!(
                "the routing session with {whom} was up before the change and is not up again"
            ),
            cause: format!("{state}, {} s after the change", LIMIT.as_secs()),
            advice:
                "where both ends change, change them at once and not in waves; to let sessions \
                     go, start the rollout with --accept sessions"
                    .to_owned(),
        }
    };
    before.iter().filter(lacking).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(peer: &str) -> SessionName {
        SessionName {
            vrf: "default".to_owned(),
            family: "l2VpnEvpn".to_owned(),
            peer: peer.to_owned(),
        }
    }

    fn session(state: &str) -> Session {
        serde_json::from_value(serde_json::json!({ "state": state })).unwrap()
    }

    #[test]
    fn only_what_is_configured_and_down_is_missed() {
        let before: BTreeSet<_> = ["up", "down", "gone"].map(named).into();
        let now = BTreeMap::from([
            (named("up"), session("Established")),
            (named("down"), session("Connect")),
            (named("new"), session("Idle")),
        ]);
        let faults = missing(&before, Some(&now));
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert_eq!(
            fault.to_string(),
            "the routing session with down for l2VpnEvpn was up before the change and is not up \
             again: it is Connect, 30 s after the change: where both ends change, change them at \
             once and not in waves; to let sessions go, start the rollout with --accept sessions"
        );
        assert_eq!(missing(&before, None).len(), 3);
        assert_eq!(missing(&BTreeSet::new(), None).len(), 0);
    }

    #[tokio::test]
    async fn what_was_up_is_what_was_up_when_the_rollout_began() {
        let folder = tempfile::tempdir().unwrap();
        let neighbors = Neighbors {
            run: Some(folder.path().join("frr")),
            note: Some(folder.path().join("sessions.json")),
        };
        let up = BTreeSet::from([named("192.0.2.1")]);
        let note = Note {
            rollout: RolloutId(7),
            up: up.clone(),
        };
        neighbors.write(&note).await;
        assert_eq!(neighbors.before(RolloutId(7)).await, up);
        // No FRR answers here.
        assert_eq!(neighbors.before(RolloutId(8)).await, BTreeSet::new());
    }
}
