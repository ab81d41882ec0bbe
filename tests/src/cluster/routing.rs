//! FRR on the nodes of a cluster.

use anyhow::{Context, Result};

use super::Cluster;

impl Cluster {
    /// Starts FRR on every node.
    ///
    /// # Errors
    /// When it is not there, or does not start.
    pub fn start_frr(&mut self, daemons: &[&str]) -> Result<()> {
        self.nodes
            .iter_mut()
            .try_for_each(|it| it.start_frr(daemons))
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
