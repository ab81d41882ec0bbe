//! The power of every host fails at once, in the middle of a rollout and right after one: each
//! boots alone what it had confirmed, to the last device, and the rollout goes on from there.
//!
//! One test, on three boots of one kernel with one disk: `cargo xtask lab test powercut`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, NETWORK, WEB, WEB_TUNNEL};
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;
use weft_tests::{exec, ping, power, skip, wait};

/// How long anything may take on an emulated kernel.
const LIMIT: Duration = Duration::from_secs(120);

/// The vnet that the rollout adds in whose middle the power fails, and its devices.
const MORE: &str = "more";
const MORE_TUNNEL: &str = "vxlan_more";

/// The times of the protocol, for a kernel that is ten times slower than others.
const FLAGS: [&str; 4] = [
    "--prepare-limit=60",
    "--settle-limit=60",
    "--leader-lease=30",
    "--contact-lease=120",
];

/// The same for etcd.
const ETCD_FLAGS: [&str; 2] = ["--heartbeat-interval=500", "--election-timeout=5000"];

#[test]
fn hosts_whose_power_fails_boot_what_they_last_confirmed() -> Result<()> {
    match power::boot() {
        Some(1) => fail_in_the_middle(),
        Some(2) => fail_right_after(),
        Some(3) => have_what_was_confirmed_last(),
        Some(other) => bail!("nothing is left to do on boot {other}"),
        None => {
            let name = "powercut::hosts_whose_power_fails_boot_what_they_last_confirmed";
            skip::note_for_kernel(name, "the power of this machine cannot be cut");
            Ok(())
        }
    }
}

/// First boot: `web` is confirmed everywhere; `more` is live and unconfirmed on node 1, prepared on
/// the others.
fn fail_in_the_middle() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    lead(&mut cluster)?;
    cluster.start_agents()?;
    are_there(&mut cluster)?;
    cluster.roll_out("tunnels", &declared::tunnels(Underlay::Ipv4))?;
    have(&cluster, [true; 3], [false; 3])?;

    let file = cluster.manifest(MORE, &declared::vnet(MORE, "tunnels", 2000))?;
    cluster.client(&["apply", "-f", &file.to_string_lossy()])?;
    cluster.client(&["rollout", "start", "--waves=1", "--pause-between=10m"])?;
    have(&cluster, [true; 3], [true, false, false])?;
    leave(&lab)
}

/// Second boot: all have `web` and nothing of `more`, without a controller. With one, the rollout
/// is over and the next one brings `more` everywhere.
fn fail_right_after() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = boot_alone(&lab)?;
    have(&cluster, [true; 3], [false; 3])?;
    let first = guest(&cluster, 1)?;
    guest(&cluster, 3)?;
    wait::until("guests to reach each other", LIMIT, || {
        ping::once(first.inside(), &address(3))
    })?;

    lead(&mut cluster)?;
    are_there(&mut cluster)?;
    wait::until("the rollout to be over", LIMIT, || {
        let status = cluster.client(&["rollout", "status"])?;
        ensure!(
            status.contains("rollout 2 to revision 2: Closed"),
            "{status}"
        );
        Ok(())
    })?;
    have(&cluster, [true; 3], [false; 3])?;
    cluster.client(&["rollout", "start", "--wait"])?;
    have(&cluster, [true; 3], [true; 3])?;
    leave(&lab)
}

/// Third boot: all have both.
fn have_what_was_confirmed_last() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = boot_alone(&lab)?;
    have(&cluster, [true; 3], [true; 3])?;
    lab.pass();
    Ok(())
}

/// A controller and its etcd, on what the disk has of them.
fn lead(cluster: &mut Cluster) -> Result<()> {
    cluster.set_flags(&FLAGS);
    cluster.set_etcd_flags(&ETCD_FLAGS);
    cluster.start_etcd_as(Etcd::External)?;
    cluster.start_controller()
}

fn are_there(cluster: &mut Cluster) -> Result<()> {
    wait::until("nodes", LIMIT, || cluster.wait_for_nodes()).map(|_| ())
}

/// The hosts of the boot before, with their agents and no controller.
fn boot_alone(lab: &Lab) -> Result<Cluster> {
    let boot = power::boot().context("this is no boot")?;
    let before = fs::read_to_string(note()).context("nothing is left of the boot before")?;
    let before = PathBuf::from(before.trim());
    let mut cluster = Cluster::wired(lab, Underlay::Ipv4, 3)?;
    for number in 1..=3 {
        // A node draws the number of its boot by itself, and starts to count with the test.
        for _ in 1..boot {
            cluster.node(number)?.reboot(&[])?;
        }
    }
    take_over(&before, lab.folder())?;
    cluster.start_agents()?;
    Ok(cluster)
}

/// Copies what the boot before left to the folder of this one.
fn take_over(before: &Path, now: &Path) -> Result<()> {
    if before == now {
        return Ok(());
    }
    for entry in fs::read_dir(before).context("the folder of the boot before")? {
        let path = entry?.path();
        if path.is_dir() {
            exec::run(
                std::process::Command::new("cp")
                    .arg("-a")
                    .args([&path, now]),
            )?;
        }
    }
    Ok(())
}

/// Cuts the power. What must survive is on the disk already, or is lost; only the note of where it
/// is belongs to the test.
fn leave(lab: &Lab) -> Result<()> {
    let file = fs::File::create(note()).context("cannot note the folder")?;
    let mut writer = &file;
    std::io::Write::write_all(&mut writer, lab.folder().to_string_lossy().as_bytes())?;
    file.sync_all().context("cannot note the folder")?;
    fs::File::open(power::disk())?.sync_all()?;
    match power::cut()? {}
}

fn note() -> PathBuf {
    power::disk().join("folder-of-the-boot-before")
}

/// Waits until just these nodes have `web` and just these have `more`, each of them whole.
fn have(cluster: &Cluster, web: [bool; 3], more: [bool; 3]) -> Result<()> {
    let look = || {
        let mut seen = Vec::new();
        for devices in [[WEB, WEB_TUNNEL], [MORE, MORE_TUNNEL]] {
            for number in 1..=3 {
                let host = cluster.host(number)?;
                let has = devices.map(|device| host.has_device(device));
                ensure!(has[0] == has[1], "node{number} has half of {devices:?}");
                seen.push(has[0]);
            }
        }
        ensure!(seen == [web, more].concat(), "{seen:?}");
        Ok(())
    };
    let what = format!("nodes to have web {web:?} and more {more:?}");
    wait::until(&what, LIMIT, look).map(|_| ())
}

fn guest(cluster: &Cluster, number: usize) -> Result<weft_tests::guest::Guest> {
    cluster
        .guest(&format!("web{number}"), number, WEB)?
        .address(&format!("{}/24", address(number)))
}

fn address(number: usize) -> String {
    format!("{NETWORK}.{number}")
}
