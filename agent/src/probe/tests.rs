//! Real programs: what they may do, and how they end. They need root, whose files probes are.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, Uid, chown, geteuid};
use tempfile::TempDir;
use weft_model::clock::Span;

use super::*;

struct Host {
    folder: TempDir,
    probes: Probes,
}

impl Host {
    fn new() -> Self {
        assert!(
            geteuid().is_root(),
            "probes belong to root: run this as root"
        );
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let probes = Probes::new(folder.path());
        Self { folder, probes }
    }

    fn allow(&self, name: &str, script: &str) {
        let file = self.folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }

    async fn causes(&self, gates: &Gates) -> Vec<String> {
        let failing = self.probes.failing(gates, When::After).await;
        failing.values().map(|fault| fault.cause.clone()).collect()
    }
}

fn gates(names: &[&str], limit: u64) -> Gates {
    Gates {
        probes: names.iter().map(|name| name.parse().unwrap()).collect(),
        limit: Span(limit),
        sessions_may_fall: false,
    }
}

fn lives(id: i32) -> bool {
    // A process that ended and is not waited for by its new parent yet does nothing any more.
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with('Z')
    })
}

#[tokio::test]
async fn a_probe_fails_by_its_exit_and_is_quoted() {
    let host = Host::new();
    host.allow("well", "echo fine");
    host.allow(
        "badly",
        "echo looking; echo no answer from 192.0.2.1 >&2; exit 3",
    );
    host.allow("killed", "kill -9 $$");
    let causes = host
        .causes(&gates(&["well", "badly", "killed"], 5_000))
        .await;
    assert_eq!(
        causes,
        [
            "it ended with 3 and said: looking | no answer from 192.0.2.1",
            "signal 9 ended it and said nothing",
        ]
    );
}

#[tokio::test]
async fn a_probe_has_no_rights_no_environment_and_no_new_ones() {
    let host = Host::new();
    host.allow(
        "who",
        "grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Groups|Uid|Gid):' /proc/self/status \
         | tr -s '\\t ' ' ' | tr '\\n' ';'; env | sort | tr '\\n' ';'; pwd; exit 1",
    );
    let causes = host.causes(&gates(&["who"], 5_000)).await;
    let none = "0000000000000000";
    assert_eq!(
        causes,
        [format!(
            "it ended with 1 and said: Uid: 65534 65534 65534 65534;Gid: 65534 65534 65534 65534;\
             Groups: ;CapInh: {none};CapPrm: {none};CapEff: {none};CapAmb: {none};NoNewPrivs: 1;\
             LC_ALL=C;PATH={PATH};PWD=/;/",
            PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
        )]
    );
}

#[tokio::test]
async fn a_probe_that_hangs_is_ended_at_its_limit_with_all_that_it_started() {
    let host = Host::new();
    let note = host.folder.path().join("ids");
    fs::write(&note, "").unwrap();
    fs::set_permissions(&note, Permissions::from_mode(0o666)).unwrap();
    let note = note.display();
    host.allow(
        "hangs",
        &format!("sleep 1000 & echo $! $$ > {note}; echo waiting; trap '' TERM; sleep 1000"),
    );
    let began = Instant::now();
    let causes = host.causes(&gates(&["hangs"], 1_000)).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let late = "it did not end within 1s and was ended and said: waiting";
    assert_eq!(causes, [late]);
    let ids = fs::read_to_string(host.folder.path().join("ids")).unwrap();
    let ids: Vec<i32> = ids
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    for _ in 0..100 {
        if !ids.iter().any(|id| lives(*id)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("some of {ids:?} live on");
}

#[tokio::test]
async fn a_probe_that_nobody_waits_for_any_more_is_ended() {
    let host = Host::new();
    let note = host.folder.path().join("id");
    fs::write(&note, "").unwrap();
    fs::set_permissions(&note, Permissions::from_mode(0o666)).unwrap();
    host.allow(
        "waits",
        &format!("echo $$ > {}; exec sleep 1000", note.display()),
    );
    let (probes, asked) = (host.probes.clone(), gates(&["waits"], 60_000));
    let run = tokio::spawn(async move { probes.failing(&asked, When::Before).await });
    let mut id = None;
    for _ in 0..500 {
        id = fs::read_to_string(&note)
            .unwrap()
            .trim()
            .parse::<i32>()
            .ok();
        if id.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let id = id.expect("it started");
    run.abort();
    for _ in 0..500 {
        if !lives(id) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = nix::sys::signal::kill(Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
    panic!("{id} lives on");
}

#[tokio::test]
async fn what_a_probe_says_without_end_is_not_kept() {
    let host = Host::new();
    host.allow("chatters", "while :; do echo and so on; done");
    let causes = host.causes(&gates(&["chatters"], 500)).await;
    let said = ["and so on"; 4].join(" | ");
    assert_eq!(causes.len(), 1);
    assert!(
        causes[0].contains(&said) && causes[0].len() < 500,
        "{causes:?}"
    );
}

#[test]
fn only_a_file_that_root_alone_can_write_is_a_probe() {
    let host = Host::new();
    let path = |name: &str| host.folder.path().join(name);
    for name in ["good", "open", "theirs", "inert", "behind"] {
        host.allow(name, "exit 0");
    }
    let mode = |name: &str, mode| {
        fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    };
    mode("open", 0o777);
    mode("inert", 0o644);
    chown(&path("theirs"), Some(Uid::from_raw(1)), None).unwrap();
    std::os::unix::fs::symlink(path("behind"), path("link")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    let asked = gates(
        &[
            "good", "absent", "folder", "inert", "link", "open", "theirs",
        ],
        1_000,
    );
    let told = |probes: &Probes| -> Vec<String> {
        let faults = probes.refused(&asked);
        faults
            .iter()
            .map(|it| format!("{}: {}", it.attempt, it.cause))
            .collect()
    };
    let at = host.folder.path().display();
    assert_eq!(
        told(&host.probes),
        [
            format!("cannot run probe absent: there is no {at}/absent"),
            format!("cannot run probe folder: {at}/folder is not a file"),
            format!("cannot run probe inert: {at}/inert is not executable"),
            format!("cannot run probe link: {at}/link is not a file"),
            format!(
                "cannot run probe open: {at}/open does not belong to root, or others can write it"
            ),
            format!(
                "cannot run probe theirs: {at}/theirs does not belong to root, or others can write it"
            ),
        ]
    );
    // Whoever can write the directory can put files there.
    fs::set_permissions(host.folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(told(&host.probes).len(), asked.probes.len());
    assert_eq!(told(&Probes::new("/nonexistent")).len(), asked.probes.len());
}
