//! A newer FRR than the machine's distribution has, unpacked with every library that it uses.
//!
//! # Guarantees
//! It comes by an `apt` that has lists of its own, from Debian's mirrors, with sums and signatures
//! checked by the keys that the machine has; the machine's own lists and packages are not touched.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{fetch, inside};
use crate::shell;

/// Where the tests look for it.
pub const VARIABLE: &str = "WEFT_NEW_FRR";

/// The suite: what will be Debian's next release.
const SUITE: &str = "forky";

/// What is had of it. A tree with a folder of programs, to be laid over another's `/usr`.
const PACKAGE: &str = "frr";

/// Who signs the suite.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The folder that it is in, fetched where it was not before.
///
/// # Errors
/// When it cannot be had; what uses it is left out then.
pub fn get(cache: &Path) -> Result<PathBuf> {
    fetch::once(cache, &format!("{PACKAGE}.{SUITE}"), |folder| {
        let apt = folder.join("apt");
        let settings = settings(&apt)?;
        let said = |words: &[&str]| {
            let mut command = Command::new("apt-get");
            command.env("APT_CONFIG", &settings).args(words);
            command
        };
        shell::run(&mut said(&["update", "-q"]))?;
        let simulate = ["install", "--simulate", "--no-install-recommends", PACKAGE];
        let names = inside::named(&shell::read(&mut said(&simulate))?);
        ensure!(!names.is_empty(), "apt knows no {PACKAGE} of {SUITE}");
        fetch::unpack_by(folder, &names, &settings)?;
        fs::remove_dir_all(&apt).with_context(|| format!("cannot remove {}", apt.display()))
    })
}

/// The settings of an `apt` of our own, which knows this suite and thinks nothing is installed.
fn settings(apt: &Path) -> Result<PathBuf> {
    let write = |name: &str, text: String| -> Result<PathBuf> {
        let file = apt.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    };
    for folder in ["state/lists/partial", "cache/archives/partial"] {
        let folder = apt.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let sources = format!("deb [signed-by={KEYS}] http://deb.debian.org/debian {SUITE} main\n");
    let mut text = "Dir::Etc::sourceparts \"-\";\nAPT::Sandbox::User \"\";\n\
        Acquire::Languages \"none\";\nAcquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
        .to_owned();
    for (key, path) in [
        ("Dir::Etc::sourcelist", write("sources.list", sources)?),
        ("Dir::State", apt.join("state")),
        ("Dir::State::status", write("status", String::new())?),
        ("Dir::Cache", apt.join("cache")),
    ] {
        writeln!(text, "{key} \"{}\";", path.display())?;
    }
    write("settings", text)
}
