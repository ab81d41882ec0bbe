//! The tests that need a full kernel, run in one lab: built outside, run inside, counted outside.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::boot::{Machine, Terminal};
use super::share::{Order, Share};
use super::{cache, newer};
use crate::count::{self, Count};
use crate::skips::{self, Skip};
use crate::{packages, shell};

mod choice;

mod runner;

pub use choice::Choice;
use runner::REPORT;

/// What became of the tests in the lab.
#[derive(Debug)]
pub struct Inside {
    /// Whether all went well and the runner said so.
    pub success: bool,
    /// How many went how; one that found its kernel wanting is among those that passed.
    pub count: Count,
    /// What could not be run there either.
    pub skips: Vec<Skip>,
}

/// Runs the chosen tests; the programs that they start are built already.
///
/// `selection` is what cargo is told to build, so that nothing is built twice.
///
/// # Errors
/// When something cannot be built or the lab cannot be started.
pub fn run(machine: &Machine, choice: &Choice, selection: &[&str]) -> Result<Inside> {
    packages::install_missing_for_lab()?;
    let mut all = Inside {
        success: true,
        count: Count::default(),
        skips: Vec::new(),
    };
    if choice.is_shared() {
        let share = Share::fleeting(&cache())?;
        let words = runner::shared(&share, choice, selection)?;
        let newer = match newer::get(&cache()) {
            Ok(tree) => Some(tree),
            // What needs it says so and is counted; all else does not wait for a mirror.
            Err(error) => {
                println!("the newer FRR cannot be had: {error:#}");
                None
            }
        };
        all.add(once(machine, &share, words, newer)?);
    }
    if choice.cuts_power() {
        let share = Share::fleeting(&cache())?;
        share.add_disk()?;
        let words = runner::power_cut(selection)?;
        all.add(once(machine, &share, words, None)?);
    }
    Ok(all)
}

impl Inside {
    fn add(&mut self, other: Self) {
        self.success &= other.success;
        self.count = self.count + other.count;
        self.skips.extend(other.skips);
    }
}

/// Runs these words in a lab, beside a newer FRR where there is one, and counts what they say.
fn once(
    machine: &Machine,
    share: &Share,
    words: Vec<OsString>,
    newer: Option<PathBuf>,
) -> Result<Inside> {
    let folder = skips::Folder::at(share.folder().join("skips"))?;
    let programs = shell::target().join("debug");
    let mut variables = vec![
        (skips::VARIABLE.to_owned(), folder.path().into()),
        ("WEFT_BIN_DIR".to_owned(), programs.into()),
    ];
    variables.extend(newer.map(|tree| (newer::VARIABLE.to_owned(), tree.into())));
    let order = Order {
        words,
        variables,
        folder: shell::root().join("tests"),
    };
    let ran = machine.run(&cache(), share, &order, Terminal::Kept)?;
    let report = share.folder().join(REPORT);
    if report.is_file() {
        let kept = cache().join(REPORT);
        fs::copy(&report, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
        println!("the report is in {}", kept.display());
    }
    Ok(Inside {
        success: ran.end.code() == 0,
        // What is left out by choice is counted where everything is run.
        count: Count {
            skipped: 0,
            ..count::read(&ran.printed)
        },
        skips: folder.read_all()?,
    })
}
