//! What scripts see of weftctl: exit codes, and which stream says what.

// Clippy takes only the test functions themselves for tests.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

const ZONE: &str =
    "apiVersion: weft/v1\nkind: Zone\nmetadata:\n  name: blue\nspec:\n  type: simple\n";

/// Runs weftctl in a folder, with an environment that says nothing.
fn weftctl(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weftctl"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn bad_input_ends_with_2_before_a_controller_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("good.yaml", ZONE);
    file("bad.yaml", &ZONE.replace("simple", "simple\n  color: red"));
    for (arguments, part) in [
        (&["apply", "-f", "bad.yaml"][..], "bad.yaml:7: spec.color"),
        (
            &["apply", "-f", "good.yaml", "-f", "bad.yaml"],
            "bad.yaml:7: spec.color",
        ),
        (&["apply", "-f", "none.yaml"], "cannot read none.yaml"),
        (&["apply", "-f", "good.yaml", "--wait"], "--rollout"),
        (&["delete", "zone"], "by name"),
        (&["get", "pod"], "is not a kind of object"),
        (&["explain", "zone.color"], "spec has type, nodes"),
        (&["import", "pve", "."], "zones.cfg"),
        (&["--server", "https://a", "nodes"], "not encrypted"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let output = weftctl(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn a_controller_that_is_not_there_ends_with_1_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), ZONE).unwrap();
    let config = folder.path().join(".config/weft");
    std::fs::create_dir_all(&config).unwrap();
    // Nothing listens on the discard port.
    std::fs::write(config.join("context.yaml"), "server: http://127.0.0.1:9\n").unwrap();
    for arguments in [
        &["apply", "-f", "good.yaml"][..],
        &["get", "zones"],
        &["rollout", "start", "--wait"],
        &["watch"],
        &["nodes"],
    ] {
        let output = weftctl(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        for part in ["http://127.0.0.1:9", "context.yaml", "--server"] {
            assert!(said.contains(part), "{arguments:?}: {part}: {said}");
        }
    }
}

#[test]
fn what_needs_no_controller_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("good.yaml", ZONE);
    file("zones.cfg", "simple: blue\n");
    file("vnets.cfg", "vnet: web\n\tzone blue\n");
    file("interfaces", "auto lo\niface lo inet loopback\n");
    file(
        "facts.yaml",
        "n1: {kernel: '6.1', agent: '0.1', deviceTypes: [bridge], links: {}, forwarding: []}\n",
    );
    for (arguments, part) in [
        (&["explain"][..], "Subnet"),
        (&["completion", "bash"], "complete"),
        (&["import", "pve", "."], "name: web"),
        (&["plan", "--from-pve", ".", "--node", "n1"], "bridge web"),
        (
            &[
                "plan",
                "-f",
                "good.yaml",
                "--facts",
                "facts.yaml",
                "--node",
                "n1",
            ],
            "nothing of ours",
        ),
        (&["man", "pages"], ""),
    ] {
        let output = weftctl(folder.path(), arguments);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    assert!(folder.path().join("pages/weftctl-apply.1").exists());
}

#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path(), &["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn objects_that_are_not_valid_together_end_with_2_offline_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("zones.cfg", "simple: blue\n");
    file("vnets.cfg", "vnet: web\n\tzone blue\n\ttag 5\n");
    file("interfaces", "");
    let output = weftctl(folder.path(), &["plan", "--from-pve", ".", "--node", "n1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("vnet/web: spec.tag"),
        "{output:?}"
    );
}
