//! What the controller says, and what jobs come to.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};
use weft_model::message::{Command, Gates};
use weft_model::report::EventKind;
use weft_node::session::event::Event;
use weft_proto::convert::message;
use weft_proto::v1;

use super::SessionError;
use super::carry::still_holds;
use super::jobs::{Ended, Purpose};
use super::line::Heard;
use super::shell::{Offer, Shell};

/// The pause after work of the node's own failed, times how often it did.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest such pause, in times.
const LONGEST: u32 = 12;

impl Shell {
    pub(super) async fn hear(&mut self, heard: Heard) -> Result<(), SessionError> {
        match heard {
            Heard::Opened => {
                let hello = self.hello();
                self.line.greet(hello);
            }
            Heard::Lost => {}
            Heard::Down(down) => match *down {
                v1::down::Message::Welcome(welcome) => self.welcomed(&welcome),
                v1::down::Message::Command(command) => self.commanded(command).await?,
                v1::down::Message::Plan(plan) => self.stage_whole(plan),
            },
        }
        Ok(())
    }

    fn hello(&mut self) -> v1::Hello {
        self.facts_told = Arc::clone(&self.facts.borrow_and_update());
        let journal = self.session.journal();
        v1::Hello {
            node: self.node.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: journal.boot.0.clone(),
            facts: Some((&*self.facts_told).into()),
            ..message::hello_to_wire(&self.session.hello())
        }
    }

    fn welcomed(&mut self, welcome: &v1::Welcome) {
        let (cluster, epoch) = (&welcome.cluster, welcome.epoch);
        let pin = self.session.journal().pin.as_ref();
        if let Some(pin) = pin.filter(|pin| pin.cluster.as_str() != cluster) {
            let ours = pin.cluster.clone();
            warn!(%cluster, %ours, "controller is of another cluster, leaving it");
            self.line.hang_up();
            return;
        }
        info!(%cluster, epoch, version = welcome.version, "welcome");
        self.line.welcome();
        self.tell_facts();
        self.tell_routing();
        if let Some((fence, answer)) = self.line.take_afresh()
            && still_holds(self.session.hello().standing, &fence)
        {
            self.line.answer(&fence, &answer);
        }
    }

    async fn commanded(&mut self, wire: v1::Command) -> Result<(), SessionError> {
        let (fence, command, delta) = match message::command(wire) {
            Ok(command) => command,
            Err(invalid) => {
                warn!(%invalid, "command cannot be read, and is not obeyed");
                return Ok(());
            }
        };
        debug!(rollout = %fence.rollout, nonce = %fence.nonce, ?command, "command");
        self.offer = match &command {
            Command::Prepare { to, .. } | Command::CatchUp { to, .. } => Some(Offer {
                nonce: fence.nonce,
                to: to.digest,
                delta,
            }),
            Command::Apply
            | Command::KeepAlive
            | Command::Check
            | Command::Confirm
            | Command::Rollback => None,
        };
        self.step(Event::Command(fence, command)).await?;
        self.stage_again();
        Ok(())
    }

    /// Takes what a job came to.
    pub(super) async fn job_ended(&mut self, ended: Ended) -> Result<(), SessionError> {
        let is_made = matches!(ended, Ended::Made(..));
        match ended {
            Ended::Staged(rollout, to, staging) => self.staged(rollout, to, staging).await?,
            Ended::Made(Purpose::Apply(rollout), result) => {
                self.step(Event::Applied { rollout, result }).await?;
            }
            Ended::Made(Purpose::Revert, result) => self.step(Event::Reverted { result }).await?,
            Ended::Made(Purpose::Upkeep { .. }, Ok(())) => {}
            Ended::Made(Purpose::Upkeep { attempts }, Err(faults)) => {
                self.keep_up(attempts + 1);
                for fault in faults {
                    warn!(%fault, attempts, "node is not what it should be");
                    if attempts == 0 {
                        self.tell(EventKind::DriftFailed, fault.to_string());
                    }
                }
            }
            Ended::Checked(rollout, result) => {
                self.step(Event::Checked { rollout, result }).await?;
            }
            Ended::Collected(Ok(0)) => {}
            Ended::Collected(Ok(devices)) => info!(devices, "collected"),
            Ended::Collected(Err(faults)) => {
                for fault in faults {
                    warn!(%fault, "not collected, trying again later");
                }
                self.jobs.collect(PAUSE * LONGEST);
            }
        }
        self.collect_when_free();
        if is_made {
            self.tell_ready();
        }
        Ok(())
    }

    /// Makes the node what it should be apart from any change in hand, and keeps it so.
    ///
    /// A node that never confirmed anything has nothing that it should be: what may be there of an
    /// earlier life is for the controller to say.
    pub(super) fn keep_up(&mut self, attempts: u32) {
        let has_confirmed = self.session.journal().confirmed != Default::default();
        if let Some(to) = self.session.upkeep().filter(|_| has_confirmed) {
            let plan = self.shelf.demand(to.revision, to.digest);
            let pause = PAUSE * attempts.min(LONGEST);
            let gates = Gates::default();
            self.jobs
                .change(Purpose::Upkeep { attempts }, plan, gates, pause);
        }
    }

    /// Tells once that the node is what it should be, as far as that can be had.
    pub(super) fn tell_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            info!("ready");
            // Nobody may be waiting for it.
            let _ = ready.send(());
        }
    }
}
