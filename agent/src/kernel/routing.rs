//! FRR beside the kernel: told when the steps before it are made, and read into the same mirror.

use weft_model::facts::FrrFacts;
use weft_node::driver::Failure;
use weft_node::frr::step::{Saying, Written};
use weft_node::step::Step;

use super::{Kernel, chain};
use crate::frr::Frr;

impl Kernel {
    /// What the node says of its FRR.
    pub(super) async fn facts_of_frr(&mut self) -> Option<FrrFacts> {
        match &mut self.frr {
            Some(frr) => frr.facts().await,
            None => None,
        }
    }

    pub(super) async fn look_at_frr(&mut self, now: bool) {
        let Some(frr) = &mut self.frr else {
            return;
        };
        let found = frr.look(now).await;
        self.mirror.changes().facts |= found.facts;
        if found.configuration {
            self.take_over_frr();
            self.mirror.changes().frr = true;
        }
    }

    fn take_over_frr(&mut self) {
        self.mirror.seen.frr = self.frr.as_ref().and_then(|frr| frr.seen().cloned());
    }

    /// Tells FRR what the steps from `first` on have for it, unless it was `told` already; notes up
    /// to where it is told.
    pub(super) async fn tell_frr(
        &mut self,
        steps: &[Step],
        first: usize,
        told: &mut usize,
        failures: &mut Vec<Failure>,
    ) {
        if !failures.is_empty() || first < *told {
            return;
        }
        let sayings: Vec<&Saying> = steps[first..].iter().map_while(saying).collect();
        let said = match &mut self.frr {
            Some(frr) => frr.tell(&sayings).await,
            None => Err((0, "there is no FRR".to_owned())),
        };
        self.take_over_frr();
        match said {
            Ok(()) => *told = first + sayings.len(),
            Err((place, cause)) => failures.push(Failure {
                step: first + place,
                errno: None,
                cause,
            }),
        }
    }

    /// Notes what of FRR's configuration is ours; says why it could not.
    pub(super) fn keep_frr(&mut self, written: &Written) -> Option<String> {
        let kept = self.frr.as_mut().map(|frr| frr.keep(written));
        self.take_over_frr();
        kept.transpose().err().map(|error| chain(&error))
    }

    /// What is wrong with what FRR would be told.
    pub(super) async fn check_frr(&self, steps: &[Step]) -> Option<String> {
        let sayings: Vec<&Saying> = steps.iter().filter_map(saying).collect();
        match &self.frr {
            Some(frr) if !sayings.is_empty() => frr.check(&sayings).await.err(),
            Some(_) | None => None,
        }
    }
}

/// Waits until it is time to look at FRR. May be dropped.
pub(super) async fn heard(frr: &mut Option<Frr>) {
    match frr {
        Some(frr) => frr.heard().await,
        None => std::future::pending().await,
    }
}

fn saying(step: &Step) -> Option<&Saying> {
    match step {
        Step::Frr(saying) => Some(saying),
        Step::Link { .. }
        | Step::Guest { .. }
        | Step::DestroyGroup { .. }
        | Step::Nat(_)
        | Step::Lend { .. }
        | Step::FrrKept(_) => None,
    }
}
