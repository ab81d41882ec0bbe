//! Goes back to the confirmed plan by the agent's own road: the session decides, the data plane
//! makes it true.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};
use weft_model::clock::Moment;
use weft_model::plan::NodePlan;
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{BootId, State};
use weft_node::session::machine::Session;

use super::charge::Charge;
use crate::dataplane::{self, Dataplane, OpenError};
use crate::frr;
use crate::kernel::Places;
use crate::ledger::error::LedgerError;
use crate::session::clock::Clock;

/// How long an agent that wants to start is kept waiting only because something is destroyed that
/// is of no use any more. It goes on with that itself.
const COLLECT_LIMIT: Duration = Duration::from_secs(10);

/// Why going back could not be begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum UndoError {
    #[error("cannot read the plan to go back to")]
    Plan(#[source] LedgerError),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot open the data plane")]
    Open(#[source] OpenError),
}

/// Brings the node back; says whether the disk has taken that it is.
pub(super) fn undo(
    charge: &mut Charge,
    boot: &BootId,
    openvswitch: &Path,
    frr: &frr::Settings,
) -> Result<bool, UndoError> {
    let confirmed = charge.journal.confirmed.target.digest;
    let plan = charge.plans.read(confirmed).map_err(UndoError::Plan)?;
    let state = charge.plans.state_directory().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(UndoError::Runtime)?;
    let cluster = charge.journal.pin.as_ref().map(|pin| pin.cluster.clone());
    runtime.block_on(async {
        let places = Places {
            switch: openvswitch.to_owned(),
            state: Some(state),
            frr: Some(frr.clone()),
        };
        let opened = dataplane::open_at(cluster, places).await;
        let opened = opened.map_err(UndoError::Open)?;
        Ok(go_back(charge, boot, &opened.dataplane, Arc::new(plan)).await)
    })
}

/// What the session wants next.
#[derive(Default)]
struct Wanted {
    revert: bool,
    wake: Option<Moment>,
    collect: bool,
}

async fn go_back(
    charge: &mut Charge,
    boot: &BootId,
    dataplane: &Dataplane,
    plan: Arc<NodePlan>,
) -> bool {
    let clock = Clock::default();
    let journal = charge.journal.clone();
    let (mut session, effects) = Session::start(journal, boot.clone(), clock.now());
    let mut wanted = Wanted::default();
    let mut is_on_disk = wanted.take(charge, effects);
    is_on_disk &= wanted.take(charge, session.step(Event::Forsaken, clock.now()));
    loop {
        let event = if std::mem::take(&mut wanted.revert) {
            let result = dataplane.apply(Arc::clone(&plan)).await;
            match &result {
                Ok(applied) => info!(steps = applied.steps, "the node is what it last confirmed"),
                Err(faults) => faults.iter().for_each(|fault| warn!(%fault, "not undone")),
            }
            Event::Reverted {
                result: result.map(drop),
            }
        } else if let Some(moment) = wanted.wake.take() {
            clock.sleep_until(Some(moment)).await;
            Event::Timer
        } else {
            break;
        };
        // What was written before does not matter once this is.
        is_on_disk = wanted.take(charge, session.step(event, clock.now()));
    }
    match &session.journal().state {
        State::Stuck { .. } => error!("the change cannot be undone, the node is left as it is"),
        State::Idle
        | State::Prepared { .. }
        | State::Armed { .. }
        | State::Verified { .. }
        | State::Reverting { .. }
        | State::Reverted { .. } => {}
    }
    if wanted.collect {
        match tokio::time::timeout(COLLECT_LIMIT, dataplane.collect()).await {
            Ok(Ok(devices)) => info!(devices, "collected"),
            Ok(Err(faults)) => faults
                .iter()
                .for_each(|fault| warn!(%fault, "not collected, the agent tries it again")),
            Err(_) => info!("the agent destroys what is left"),
        }
    }
    is_on_disk
}

impl Wanted {
    /// Says whether what was to be written is written.
    fn take(&mut self, charge: &mut Charge, effects: Vec<Effect>) -> bool {
        let mut is_on_disk = true;
        for effect in effects {
            match effect {
                Effect::Persist(journal) => is_on_disk &= charge.persist(&journal),
                Effect::Revert { .. } => self.revert = true,
                Effect::Wake(moment) => self.wake = Some(moment),
                Effect::Sleep => self.wake = None,
                Effect::Collect => self.collect = true,
                // There is nobody to speak to, nothing is begun, and the agent keeps the plans.
                Effect::Stage { .. }
                | Effect::Apply { .. }
                | Effect::Check { .. }
                | Effect::Send(..)
                | Effect::SendAfresh(..)
                | Effect::Forget(_) => {}
            }
        }
        is_on_disk
    }
}
