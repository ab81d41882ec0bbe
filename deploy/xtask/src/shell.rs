//! Running other programs: what they print is shown as it comes, and kept.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// What became of a program that was shown as it ran.
pub struct Shown {
    /// Whether it ended with exit code 0.
    pub success: bool,
    /// What it printed, standard output and standard error as they came.
    pub text: String,
}

/// The top folder of the work tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The cargo that runs us, working at the top of the work tree.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// A program, working at the top of the work tree.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The command as a person would type it.
pub fn typed(command: &Command) -> String {
    let name = Path::new(command.get_program());
    let name = name.file_name().unwrap_or(command.get_program());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a program and returns what it printed on standard output.
///
/// # Errors
/// When it cannot be started or ends with anything but 0.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", typed(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", typed(command), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program with the terminal as its own.
///
/// # Errors
/// When it cannot be started or ends with anything but 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", typed(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", typed(command));
    }
    Ok(())
}

/// Runs a program, shows what it prints, and keeps it.
///
/// # Errors
/// When it cannot be started; a program that fails is told by [`Shown::success`].
pub fn show(command: &mut Command) -> Result<Shown> {
    let typed = typed(command);
    println!("$ {}", typed.lines().next().unwrap_or_default());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {typed}"))?;
    let stderr = child.stderr.take().context("the child has no stderr")?;
    let stdout = child.stdout.take().context("the child has no stdout")?;
    let other = thread::spawn(move || copy(stderr, std::io::stderr()));
    let mut text = copy(stdout, std::io::stdout());
    text.push_str(&other.join().unwrap_or_default());
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {typed}"))?;
    Ok(Shown {
        success: status.success(),
        text,
    })
}

/// Copies lines as they come, and returns them all.
pub fn copy(from: impl Read, mut to: impl Write) -> String {
    let mut lines = BufReader::new(from);
    let mut text = String::new();
    let mut line = Vec::new();
    while let Ok(1..) = lines.read_until(b'\n', &mut line) {
        // A reader of ours that went away is no reason to stop the program that is running.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    text
}

/// Where a program is, by the search path and the folders of system programs.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether we are root.
pub fn is_root() -> bool {
    read(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
