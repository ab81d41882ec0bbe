//! The tests that could not be run here, by name and with their reason.
//!
//! A test that finds something wanting (a device type of the kernel, a folder of cases) writes a
//! file of its name and reason into a folder that we give it; so it is counted and named instead
//! of passing in silence.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

/// The file that names the tests which must not be skipped where it counts, from the top of the
/// work tree.
pub const NEVER_SKIPPED: &str = "tests/never-skipped.txt";

/// The folder, in the one that tests write to, for what only another kernel can run.
const FOR_KERNEL: &str = "kernel";

/// The environment variable that tells tests the folder.
pub const VARIABLE: &str = "WEFT_SKIPS";

/// A test that could not be run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// The test.
    pub name: String,
    /// What was wanting.
    pub reason: String,
}

/// The folder that tests write to.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder in the build folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create() -> Result<Self> {
        Self::at(shell::target().join("skips"))
    }

    /// An empty folder at this place.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What tests wrote that lack something of the machine, by name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> Result<Vec<Skip>> {
        read(&self.0)
    }

    /// What tests wrote that lack something of the kernel, by name from the crate on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_for_kernel(&self) -> Result<Vec<Skip>> {
        let folder = self.0.join(FOR_KERNEL);
        if folder.is_dir() {
            read(&folder)
        } else {
            Ok(Vec::new())
        }
    }

    /// All that tests wrote.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_all(&self) -> Result<Vec<Skip>> {
        let mut all = self.read()?;
        all.extend(self.read_for_kernel()?);
        Ok(all)
    }
}

fn read(folder: &Path) -> Result<Vec<Skip>> {
    let mut skips = Vec::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            skips.push(Skip {
                name: entry.file_name().to_string_lossy().into_owned(),
                reason: std::fs::read_to_string(entry.path())?.trim().to_owned(),
            });
        }
    }
    skips.sort();
    Ok(skips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_wrote_is_read_with_its_name() {
        let folder = std::env::temp_dir().join(format!("weft-skips-{}", std::process::id()));
        let skips = Folder::at(folder.clone()).unwrap();
        std::fs::write(folder.join("cases"), "not here\n").unwrap();
        assert_eq!(skips.read_for_kernel().unwrap(), []);
        std::fs::create_dir(folder.join(FOR_KERNEL)).unwrap();
        std::fs::write(folder.join("kernel/vlan::tags"), "no 802.1Q here").unwrap();
        let read = (skips.read().unwrap(), skips.read_for_kernel().unwrap());
        let all = skips.read_all().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let skip = |name: &str, reason: &str| Skip {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        let machine = skip("cases", "not here");
        let kernel = skip("vlan::tags", "no 802.1Q here");
        assert_eq!(read, (vec![machine.clone()], vec![kernel.clone()]));
        assert_eq!(all, [machine, kernel]);
    }
}
