//! Somebody sets the wall clock of one machine, by a day, while a change waits to be confirmed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

use crate::stage::{Contact, End, LEASE, Stage, late};

/// A wall clock that only one process sees, and that can be set while it runs.
struct WallClock {
    library: String,
    file: PathBuf,
}

impl WallClock {
    fn new(folder: &Path, name: &str) -> Result<Self> {
        let clock = Self {
            library: library()?.to_string_lossy().into_owned(),
            file: folder.join(format!("{name}.clock")),
        };
        clock.set("+0")?;
        Ok(clock)
    }

    /// How far it is from what it was.
    fn set(&self, offset: &str) -> Result<()> {
        // In one step: half an offset would be another one.
        let new = self.file.with_extension("new");
        fs::write(&new, offset)?;
        fs::rename(&new, &self.file).context("cannot set the clock")
    }

    fn variables(&self) -> [(&str, String); 4] {
        [
            ("LD_PRELOAD", self.library.clone()),
            (
                "FAKETIME_TIMESTAMP_FILE",
                self.file.to_string_lossy().into_owned(),
            ),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // What only counts goes on counting.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// Debian has it in a folder by the machine's kind.
fn library() -> Result<PathBuf> {
    let kinds = fs::read_dir("/usr/lib")?;
    kinds
        .filter_map(|kind| Some(kind.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|file| file.exists())
        .context("there is no libfaketime: run cargo xtask test, or apt install faketime")
}

fn words<'a>(variables: &'a [(&'a str, String); 4]) -> Vec<(&'a str, &'a str)> {
    variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[test]
fn wall_clocks_that_jump_by_a_day_move_nobody_and_decide_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    let controller = WallClock::new(lab.folder(), "controller")?;
    let agents = [
        WallClock::new(lab.folder(), "node1")?,
        WallClock::new(lab.folder(), "node2")?,
    ];
    cluster.set_variables(&words(&controller.variables()));
    let mut stage = Stage::begin(lab, cluster, Etcd::External, 1, Contact::Short)?;
    for (number, clock) in (1..).zip(&agents) {
        let node = stage.cluster.node(number)?;
        node.kill_agent()?;
        node.start_agent_with(&words(&clock.variables()))?;
    }
    stage.cluster.wait_for_nodes()?;
    let set = |there: &str, back: &str| -> Result<()> {
        controller.set(there)?;
        agents[0].set(back)?;
        agents[1].set(there)
    };
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    for (there, back) in [("+1d", "-1d"), ("-1d", "+1d"), ("+0", "+0")] {
        set(there, back)?;
        // For longer than the lease: neither it nor the person's time ran out, and words go on.
        late(LEASE * 1_000 / 2 + 500);
        assert_eq!(stage.have("more")?, [true; 3], "{there}");
        assert_eq!(stage.newest()?.decision, "none", "{there}");
    }
    set("+1d", "-1d")?;
    stage.cluster.client(&["rollout", "confirm"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    // A lease that ends still ends in its time, not a day later.
    let next = stage.propose("next", 2_001)?;
    stage.ask_a_person(Some(60))?;
    set("-1d", "+1d")?;
    stage.cluster.kill_controller()?;
    stage.wait_until_have("next", &[false; 3])?;
    stage.cluster.start_controller()?;
    stage.cluster.wait_for_nodes()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&next, End::Abort)?;
    stage.finish()
}
