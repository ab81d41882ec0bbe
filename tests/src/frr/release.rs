//! Which FRR a host runs: the one that all programs find, or a newer one that is unpacked beside it.
//!
//! # Guarantees
//! A program of the newer one has the libraries and models that came with it: it sees its own `/usr`
//! in the place of the machine's, and nobody else does. Its sockets are in the host's folder alone.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::namespace::Namespace;

/// Names the folder that the newer one is unpacked in.
const NEW: &str = "WEFT_NEW_FRR";

/// Where Debian has the daemons.
const PROGRAMS: &str = "/usr/lib/frr";

/// Runs a program of the tree `$1` with the folder `$2` as FRR's own: what daemons speak to each
/// other by is there, whatever they are told.
const INSIDE: &str =
    "mount -t tmpfs tmpfs /run && mkdir /run/frr && mount --bind \"$2\" /run/frr &&
    mount --bind \"$1/usr\" /usr && shift 2 && exec \"$@\"";

/// An FRR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// The machine's, or the lab's in its place: the oldest that is supported.
    #[default]
    Machine,
    /// The newest; a test that uses it says `needs!(NewFrr)`.
    New,
}

impl Release {
    /// The daemons that must run whatever is routed, in the order in which they are started.
    pub fn always(self) -> &'static [&'static str] {
        match self {
            Self::Machine => &["zebra"],
            Self::New => &["mgmtd", "zebra"],
        }
    }

    /// A daemon of it that reads no file, to be given its arguments.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn command(self, host: &Namespace, folder: &Path, daemon: &str) -> Result<Command> {
        let program = Path::new(PROGRAMS).join(daemon);
        let mut command = match self {
            Self::Machine => host.command(program),
            Self::New => {
                let mut command = host.command("unshare");
                command.args(inside(folder)?).arg(program);
                command
            }
        };
        // Those that have all from mgmtd read none, and do not even know the word.
        if self == Self::Machine || !["mgmtd", "staticd"].contains(&daemon) {
            command.args(["-f", "/dev/null"]);
        }
        Ok(command)
    }

    /// Its shell, a program of one word; the folder is that of the daemons' sockets.
    ///
    /// # Errors
    /// When it is not there, or the word cannot be written.
    pub(super) fn shell(self, folder: &Path) -> Result<PathBuf> {
        if self == Self::Machine {
            return Ok("vtysh".into());
        }
        let words: Vec<String> = inside(folder)?.iter().map(quoted).collect();
        let script = format!(
            "#!/bin/sh\nexec unshare {} /usr/bin/vtysh \"$@\"\n",
            words.join(" ")
        );
        let file = folder.join("vtysh");
        fs::write(&file, script)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

/// What `unshare` is told, up to the program.
fn inside(folder: &Path) -> Result<[OsString; 8]> {
    let tree = std::env::var_os(NEW).context("there is no newer FRR")?;
    let folder = folder.as_os_str().to_owned();
    let [mount, end, sh, option, script, name] =
        ["--mount", "--", "sh", "-c", INSIDE, "sh"].map(OsString::from);
    Ok([mount, end, sh, option, script, name, tree, folder])
}

/// A word as the shell reads it again.
fn quoted(word: &OsString) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))
}
