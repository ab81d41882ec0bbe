//! The etcd that a controller starts for itself does not outlive it, even when it is killed.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an etcd may take to start, or to be gone.
const LIMIT: Duration = Duration::from_secs(30);

/// Name, state and parent of a process; `None` when it is gone.
fn look(pid: u32) -> Option<(String, String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split(' ');
    let state = fields.next()?.to_owned();
    Some((name, state, fields.next()?.parse().ok()?))
}

fn etcd_of(controller: &Child) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        // Not the one that is only asked for its version.
        let serves = fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.contains("--data-dir"));
        let etcd =
            |(name, _, parent): (String, String, u32)| name == "etcd" && parent == controller.id();
        serves && look(*pid).is_some_and(etcd)
    })
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "{what} did not happen in time");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_etcd_of_a_killed_controller_dies_with_it() {
    let state = tempfile::tempdir().unwrap();
    let mut controller = Command::new(env!("CARGO_BIN_EXE_weft-controller"))
        .args(["--listen", "127.0.0.1:0", "--state-dir"])
        .arg(state.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let etcd = until("etcd's start", || etcd_of(&controller));
    controller.kill().unwrap();
    controller.wait().unwrap();
    // Where nobody collects orphans, a dead one stays as a zombie.
    until("etcd's end", || match look(etcd) {
        Some((_, state, _)) if state != "Z" => None,
        Some(_) | None => Some(()),
    });
}
