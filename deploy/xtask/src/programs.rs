//! The programs of this workspace, built.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell;

/// The packages whose programs run on machines.
const PRODUCT: [&str; 3] = ["weft-controller", "weft-agent", "weftctl"];

/// How programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// Quick to run.
    Release,
}

/// Builds the product's programs and those of the packages in `more`; returns their folder.
///
/// # Errors
/// When the build fails.
pub fn build(profile: Profile, more: &[&str]) -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--locked", "--bins"]);
    for package in PRODUCT.iter().chain(more) {
        cargo.args(["--package", package]);
    }
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            cargo.arg("--release");
            "release"
        }
    };
    println!("$ {}", shell::typed(&cargo));
    shell::run(&mut cargo)?;
    Ok(shell::target().join(folder))
}

/// What cargo is told to run test programs and the demo with where we are not root: namespaces and
/// devices need it.
pub fn runner() -> Option<Vec<&'static str>> {
    (!shell::is_root()).then(|| vec!["sudo", "-E"])
}
