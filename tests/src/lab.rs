//! One run of the lab: its name, its folder, and the namespaces that go when it goes.
//!
//! # Guarantees
//! Every process of the lab runs in one of its namespaces, so ending what runs in them and
//! deleting them leaves nothing behind. A lab whose process was killed is swept by the next one:
//! the names carry the process id.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};

use crate::exec;

/// What every namespace and folder of a lab begins with.
const PREFIX: &str = "we-";

/// How many labs this process made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// One run of the lab; all that it made goes with the last clone.
#[derive(Clone, Debug)]
pub struct Lab {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tag: String,
    folder: PathBuf,
    namespaces: Mutex<Vec<String>>,
    passed: AtomicBool,
}

impl Lab {
    /// A lab with nothing in it.
    ///
    /// # Errors
    /// When we are not root, or the folder cannot be made.
    pub fn new() -> Result<Self> {
        ensure!(
            getuid().is_root(),
            "the lab needs root to make network namespaces: run `cargo xtask test`, or use sudo -E"
        );
        sweep();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let tag = format!("{PREFIX}{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&tag);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                tag,
                folder,
                namespaces: Mutex::default(),
                passed: AtomicBool::new(false),
            }),
        })
    }

    /// The folder for files of this run.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Makes a namespace with its loopback up; returns its name.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn add_namespace(&self, role: &str) -> Result<String> {
        let name = format!("{}-{role}", self.inner.tag);
        exec::run(Command::new("ip").args(["netns", "add", &name]))?;
        self.inner
            .namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(name.clone());
        exec::run(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]))?;
        Ok(name)
    }

    /// Says that the run proved what it was for: nothing of it is shown when it goes.
    pub fn pass(&self) {
        self.inner.passed.store(true, Ordering::Relaxed);
    }

    /// Ends every process in the namespaces and deletes them, now.
    pub fn release(&self) {
        self.inner.release();
    }
}

impl Inner {
    fn release(&self) {
        let names = std::mem::take(
            &mut *self
                .namespaces
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        delete(&names);
        if self.passed.load(Ordering::Relaxed) {
            // What is left in a temporary folder harms nobody.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// The end of every log, for whoever wants to know why.
    fn show_logs(&self) {
        eprintln!("the logs are in {}", self.folder.display());
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut logs: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .collect();
        logs.sort();
        for log in logs {
            let text = fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            eprintln!("--- the end of {}", log.display());
            for line in &lines[lines.len().saturating_sub(30)..] {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.passed.load(Ordering::Relaxed) {
            self.show_logs();
        }
        self.release();
    }
}

/// Ends what runs in the namespaces, and deletes them.
fn delete(names: &[String]) {
    for name in names {
        for pid in pids(name) {
            // It may have ended by itself.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
    for name in names {
        if let Err(error) = exec::run(Command::new("ip").args(["netns", "del", name])) {
            eprintln!("{error:#}");
        }
    }
}

fn pids(namespace: &str) -> Vec<Pid> {
    exec::run(Command::new("ip").args(["netns", "pids", namespace]))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .map(Pid::from_raw)
        .collect()
}

/// Deletes the namespaces of labs whose process is gone.
fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    let stale: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_stale(name, |pid| Path::new("/proc").join(pid).exists()))
        .collect();
    delete(&stale);
}

/// Whether a namespace belongs to a lab whose process is gone.
fn is_stale(name: &str, lives: impl Fn(&str) -> bool) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(pid, rest)| {
            !pid.is_empty()
                && pid.bytes().all(|b| b.is_ascii_digit())
                && rest.starts_with(|c: char| c.is_ascii_digit())
                && !lives(pid)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_namespaces_of_labs_that_are_gone_are_stale() {
        let lives = |pid: &str| pid == "77";
        let stale = |name: &str| is_stale(name, lives);
        assert!(stale("we-76-0-node1"));
        assert!(!stale("we-77-0-node1"));
        assert!(!stale("we-me-0-node1"));
        assert!(!stale("we--0-node1"));
        assert!(!stale("other-76-0-node1"));
        assert!(!stale("we-76"));
    }
}
