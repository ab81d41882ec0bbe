//! The disk under an agent's ledger is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::exec;
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

use crate::stage::{Contact, End, Stage};

/// A small disk, mounted where an agent keeps its ledger.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        exec::run(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "weft-lab"])
                .arg(folder),
        )?;
        Ok(Self(folder.to_owned()))
    }

    /// Takes all the room that is left.
    fn fill(&self) -> Result<()> {
        let block = [0_u8; 4096];
        let mut blocks = Vec::new();
        while fs::write(self.filler(), &blocks).is_ok() {
            blocks.extend(block);
            ensure!(blocks.len() < 1 << 21, "the disk is never full");
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        fs::remove_file(self.filler())?;
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the agent may still have its files open.
        if let Err(error) = exec::run(Command::new("umount").arg("-l").arg(&self.0)) {
            eprintln!("{error:#}");
        }
    }
}

#[test]
fn a_full_disk_under_a_ledger_keeps_the_change_from_all() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    let disk = Disk::mount(&cluster.nodes()[1].state())?;
    let stage = Stage::begin(lab, cluster, Etcd::Child, 1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    disk.fill()?;
    let refused = stage.cluster.weftctl(&["rollout", "start", "--wait"])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(refused.code != Some(0), "{said}");
    ensure!(said.contains("node2"), "{said}");
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    disk.free()?;
    stage.goes_on(&change)?;
    stage.finish()
}
