//! FRR on the nodes of a cluster.

use anyhow::{Context, Result};

use super::Cluster;
use crate::frr::Release;

impl Cluster {
    /// Starts FRR on every node.
    ///
    /// # Errors
    /// When it is not there, or does not start.
    pub fn start_frr(&mut self, daemons: &[&str]) -> Result<()> {
        self.start_frr_of(Release::Machine, daemons)
    }

    /// As [`Self::start_frr`], of this FRR.
    ///
    /// # Errors
    /// When it is not there, or does not start.
    pub fn start_frr_of(&mut self, release: Release, daemons: &[&str]) -> Result<()> {
        self.nodes
            .iter_mut()
            .try_for_each(|it| it.start_frr(release, daemons))
    }

    /// What a person asks the FRR of node `number`, from 1.
    ///
    /// # Errors
    /// When there is no such node, or its FRR refuses.
    pub fn vtysh(&self, number: usize, command: &str) -> Result<String> {
        let node = self.nodes.get(number.wrapping_sub(1));
        node.with_context(|| format!("there is no node {number}"))?
            .vtysh(command)
    }
}
