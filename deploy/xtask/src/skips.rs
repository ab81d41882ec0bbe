//! The tests that could not be run here, by name and with their reason.
//!
//! A test that finds something wanting (a device type of the kernel, a folder of cases) writes a
//! file of its name and reason into a folder that we give it; so it is counted and named instead
//! of passing in silence.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

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

    fn at(folder: PathBuf) -> Result<Self> {
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

    /// What tests wrote, by name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> Result<Vec<Skip>> {
        let mut skips = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            skips.push(Skip {
                name: entry.file_name().to_string_lossy().into_owned(),
                reason: std::fs::read_to_string(entry.path())?.trim().to_owned(),
            });
        }
        skips.sort();
        Ok(skips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_wrote_is_read_with_its_name() {
        let folder = std::env::temp_dir().join(format!("weft-skips-{}", std::process::id()));
        let skips = Folder::at(folder.clone()).unwrap();
        std::fs::write(folder.join("vlan"), "no 802.1Q here\n").unwrap();
        let read = skips.read().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            read,
            [Skip {
                name: "vlan".to_owned(),
                reason: "no 802.1Q here".to_owned()
            }]
        );
    }
}
