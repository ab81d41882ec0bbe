//! Saying that a test could not be run here, so that it is counted and named.

use std::path::PathBuf;

/// Notes that the test called `name` proves nothing on this machine, and why.
///
/// `cargo xtask test` names every such test at its end.
pub fn note(name: &str, reason: &str) {
    eprintln!("skipped: {name}: {reason}");
    if let Some(folder) = std::env::var_os("WEFT_SKIPS") {
        let file = PathBuf::from(folder).join(name);
        if let Err(error) = std::fs::write(&file, reason) {
            eprintln!("cannot note it in {}: {error}", file.display());
        }
    }
}
