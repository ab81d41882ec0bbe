//! Whole clusters of the two rollout machines under every fault, in one thread and in virtual
//! time: what must hold holds after every step, and all comes to rest once the faults are over.
//!
//! The machines are those that run in production (`weft_core::rollout`, `weft_node::session`).
//! More seeds: `WEFT_SEEDS=100000 cargo test --release -p weft-tests --test machines`; one seed
//! again: `WEFT_SEED=17`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "what a test is built of is as much test as the test"
)]

#[path = "machines/chance.rs"]
mod chance;
#[path = "machines/cluster.rs"]
mod cluster;
#[path = "machines/control.rs"]
mod control;
#[path = "machines/happen.rs"]
mod happen;
#[path = "machines/host.rs"]
mod host;
#[path = "machines/laws.rs"]
mod laws;
#[path = "machines/lead.rs"]
mod lead;
#[path = "machines/network.rs"]
mod network;
#[path = "machines/node.rs"]
mod node;
#[path = "machines/nonces.rs"]
mod nonces;
#[path = "machines/store.rs"]
mod store;
#[path = "machines/world.rs"]
mod world;

use std::collections::BTreeSet;

use chance::Chance;
use cluster::{Bug, Cluster, Setup};

/// Seeds that once found a defect.
const CASES: [u64; 3] = [374, 1841, 2596];

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

/// The seeds whose first rollouts are swept: other waves, other people.
const SWEPT: std::ops::Range<u64> = 0..8;

#[test]
fn a_controller_that_crashes_before_any_of_its_effects_loses_nothing() {
    let mut crashes = 0;
    for seed in SWEPT {
        let setup = Setup {
            rollouts: 2,
            ..CALM
        };
        let whole = run(seed, setup).unwrap();
        assert!(whole.hits > 10, "{} effects", whole.hits);
        for hit in 1..=whole.hits {
            let dies = Setup {
                controller_dies_at: Some(hit),
                ..setup
            };
            let cluster = run(seed, dies).unwrap_or_else(|law| panic!("hit {hit}: {law}"));
            assert!(cluster.elections >= 2, "hit {hit} of seed {seed}: no crash");
            crashes += 1;
        }
    }
    assert!(crashes > 200, "{crashes} crashes");
}

#[test]
fn an_agent_or_host_that_goes_down_before_any_of_its_effects_loses_nothing() {
    let mut falls = 0;
    for seed in SWEPT {
        let setup = Setup {
            rollouts: 2,
            ..CALM
        };
        let hits = run(seed, setup).unwrap().nodes[0].hits;
        for (hit, reboot) in (1..=hits).flat_map(|hit| [(hit, false), (hit, true)]) {
            let dies = Setup {
                agent_dies_at: Some((hit, reboot)),
                ..setup
            };
            let cluster = run(seed, dies).unwrap_or_else(|law| panic!("hit {hit}: {law}"));
            assert!(
                cluster.seen.contains("agent crash"),
                "hit {hit}, seed {seed}"
            );
            falls += 1;
        }
    }
    assert!(falls > 100, "{falls} falls");
}

/// Some seed finds the bug, by one of these laws.
fn finds(bug: Bug, laws: &[&str]) {
    for seed in 0..1_000 {
        let setup = Setup {
            bug,
            ..stormy(seed)
        };
        if let Err(law) = run(seed, setup) {
            let known = laws.iter().any(|part| law.contains(part));
            assert!(known, "{bug:?} is found otherwise: {law}");
            println!("{law}");
            return;
        }
    }
    panic!("{bug:?} is not found");
}

#[test]
fn an_unchecked_epoch_is_found() {
    finds(Bug::EpochUnchecked, &["of a deposed leader is obeyed"]);
}

#[test]
fn a_missing_lease_rule_is_found() {
    finds(Bug::NoLease, &["a commit is written while"]);
}

#[test]
fn a_journal_that_is_forgotten_is_found() {
    let laws = ["a mixed kernel", "an unconfirmed plan runs"];
    finds(Bug::JournalForgotten, &laws);
}

#[test]
fn a_store_that_does_not_compare_the_leader_is_found() {
    finds(Bug::StoreUnfenced, &["a deposed leader has written"]);
}

#[test]
fn a_boot_into_the_unconfirmed_plan_is_found() {
    finds(Bug::BootUnconfirmed, &["which is not committed"]);
}
