//! Saying that a test could not be run here, so that it is counted and named.

use std::path::PathBuf;

/// Notes that the test called `name` proves nothing on this machine, and why.
///
/// `cargo xtask test` names every such test at its end.
pub fn note(name: &str, reason: &str) {
    write(PathBuf::from(name), name, reason);
}

/// Notes that the test called `name` proves nothing on this kernel, and why.
///
/// `cargo xtask test` runs every such test again, in the lab of full kernels.
pub fn note_for_kernel(name: &str, reason: &str) {
    write(PathBuf::from("kernel").join(name), name, reason);
}

fn write(file: PathBuf, name: &str, reason: &str) {
    eprintln!("skipped: {name}: {reason}");
    let Some(folder) = std::env::var_os("WEFT_SKIPS") else {
        return;
    };
    let file = PathBuf::from(folder).join(file);
    let written = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&file, reason));
    if let Err(error) = written {
        eprintln!("cannot note it in {}: {error}", file.display());
    }
}
