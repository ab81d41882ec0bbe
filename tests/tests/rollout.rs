//! Whole clusters of the two rollout machines under every fault, in one thread and in virtual
//! time: what must hold holds after every step, and all comes to rest once the faults are over.
//!
//! The machines are those that run in production (`weft_core::rollout`, `weft_node::session`).
//! More seeds: `WEFT_SEEDS=100000 cargo test --release -p weft-tests --test rollout`; one seed
//! again: `WEFT_SEED=17`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "what a test is built of is as much test as the test"
)]

#[path = "rollout/chance.rs"]
mod chance;
#[path = "rollout/cluster.rs"]
mod cluster;
#[path = "rollout/control.rs"]
mod control;
#[path = "rollout/happen.rs"]
mod happen;
#[path = "rollout/laws.rs"]
mod laws;
#[path = "rollout/node.rs"]
mod node;
#[path = "rollout/store.rs"]
mod store;

use std::collections::BTreeSet;

use chance::Chance;
use cluster::{Bug, Cluster, Setup};

/// Seeds that once found a defect.
const CASES: [u64; 0] = [];

const CALM: Setup = Setup {
    nodes: 3,
    rollouts: 1,
    trouble: 60_000,
    faults_every: None,
    wild: false,
    failures: false,
    controller_dies_at: None,
    agent_dies_at: None,
    bug: Bug::None,
};

fn stormy(seed: u64) -> Setup {
    let mut chance = Chance::new(!seed);
    let nodes = if chance.hits(500) {
        chance.within(20, 50)
    } else {
        chance.within(3, 8)
    };
    Setup {
        nodes: nodes as usize,
        rollouts: chance.within(1, 6),
        trouble: chance.within(60_000, 400_000),
        faults_every: Some(chance.within(1_000, 20_000)),
        wild: chance.hits(5_000),
        failures: chance.hits(5_000),
        ..CALM
    }
}

/// Runs one seed; the seed is told whatever goes wrong.
fn run(seed: u64, setup: Setup) -> Result<Cluster, String> {
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("seed {}", self.0);
            }
        }
    }
    let told = Seed(seed);
    let mut cluster = Cluster::new(seed, setup);
    let result = cluster.run();
    drop(told);
    match result {
        Ok(()) => Ok(cluster),
        Err(law) => Err(format!("seed {seed}: {law}")),
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_law_holds_and_all_comes_to_rest_under_every_fault() {
    let seeds: Vec<u64> = match number("WEFT_SEED") {
        Some(seed) => vec![seed],
        None => CASES
            .into_iter()
            .chain(0..number("WEFT_SEEDS").unwrap_or(1_000))
            .collect(),
    };
    let many = seeds.len() > 100;
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for seed in seeds {
        match run(seed, stormy(seed)) {
            Ok(cluster) => seen.extend(cluster.seen),
            Err(law) => broken.push(law),
        }
    }
    assert!(
        broken.is_empty(),
        "{} seeds break a law:\n{}",
        broken.len(),
        broken[..broken.len().min(10)].join("\n")
    );
    if many {
        let all = [
            "abort",
            "agent crash",
            "catch-up",
            "catch-up failed",
            "closed early",
            "commit",
            "controller crash",
            "deferred",
            "deposed",
            "partition",
            "reboot",
            "zombie",
        ];
        assert_eq!(seen, BTreeSet::from(all));
    }
}
