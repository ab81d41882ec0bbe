//! The program as a service: what it tells systemd, how it stops, what it refuses. Needs root, for a
//! network namespace of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test is built of is as much test as the test"
)]

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The program in a network namespace that ends with it.
fn agent(state: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--net", env!("CARGO_BIN_EXE_weft-agent"), "--state-dir"])
        .arg(state)
        .stderr(Stdio::piped());
    command
}

fn service(state: &Path) -> Command {
    let mut command = agent(state);
    command.args(["--controller", "http://127.0.0.1:7443", "--node", "node1"]);
    command
}

struct Systemd {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Systemd {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).unwrap();
        Self { socket, directory }
    }

    fn start(&self, command: &mut Command) -> Child {
        command
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .env("WATCHDOG_USEC", "400000")
            .spawn()
            .unwrap()
    }

    fn told(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[test]
fn systemd_hears_that_the_agent_is_ready_alive_and_stopping() {
    let state = tempfile::tempdir().unwrap();
    let systemd = Systemd::new();
    let child = systemd.start(&mut service(state.path()));
    assert_eq!(systemd.told(), "READY=1");
    assert_eq!(systemd.told(), "WATCHDOG=1");
    assert_eq!(systemd.told(), "WATCHDOG=1");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    while systemd.told() != "STOPPING=1" {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_second_agent_on_the_same_directory_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let systemd = Systemd::new();
    let mut child = systemd.start(&mut service(state.path()));
    assert_eq!(systemd.told(), "READY=1");
    let second = service(state.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("belongs to another weft-agent that is running"));
    let cleanup = agent(state.path()).args(["cleanup", "--yes"]).output();
    assert_eq!(cleanup.unwrap().status.code(), Some(1));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_agent_without_the_right_says_which_one_it_lacks() {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new("setpriv")
        .args(["--bounding-set", "-all", env!("CARGO_BIN_EXE_weft-agent")])
        .args(["--controller", "http://127.0.0.1:7443", "--state-dir"])
        .arg(state.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("lacks CAP_NET_ADMIN"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    let state = tempfile::tempdir().unwrap();
    let mut remote = agent(state.path());
    remote.args(["--controller", "http://192.0.2.1:7443", "--node", "node1"]);
    for mut command in [remote, agent(state.path())] {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
}

#[test]
fn a_damaged_ledger_keeps_the_agent_from_starting() {
    let state = tempfile::tempdir().unwrap();
    for name in ["journal.0", "journal.1"] {
        std::fs::write(state.path().join(name), "not what was written").unwrap();
    }
    let output = service(state.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("the network stays as it is"),
        "{}",
        said(&output)
    );
}
