//! What the machine must have besides Rust, and how it gets there.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::shell;

/// A program or a file that we need, and the Debian package that has it.
struct Need {
    /// The program's name, or the file's path.
    what: &'static str,
    package: &'static str,
}

const fn need(what: &'static str, package: &'static str) -> Need {
    Need { what, package }
}

impl Need {
    fn is_here(&self) -> bool {
        if self.what.starts_with('/') {
            Path::new(self.what).exists()
        } else {
            shell::find(self.what).is_some()
        }
    }
}

/// Everything that the build and the lab use.
const NEEDS: &[Need] = &[
    // The etcd client is built from etcd's own description of its messages.
    need("protoc", "protobuf-compiler"),
    need(
        "/usr/include/google/protobuf/descriptor.proto",
        "libprotobuf-dev",
    ),
    need("etcd", "etcd-server"),
    need("etcdctl", "etcd-client"),
    need("faketime", "faketime"),
    need("ip", "iproute2"),
    need("bridge", "iproute2"),
    need("nft", "nftables"),
    need("nsenter", "util-linux"),
    need("ping", "iputils-ping"),
    need("ps", "procps"),
    need("tcpdump", "tcpdump"),
];

/// What the lab of full kernels uses besides. The kernel itself is not installed.
const LAB_NEEDS: &[Need] = &[
    need("qemu-system-x86_64", "qemu-system-x86"),
    need("modprobe", "kmod"),
    need("depmod", "kmod"),
    need("dpkg-deb", "dpkg"),
];

/// How often a package mirror is asked before we give up.
const TRIES: u32 = 3;
/// Long enough for a mirror that is being updated to be whole again.
const BETWEEN_TRIES: Duration = Duration::from_secs(5);

/// Installs what the build and the tests lack, and says what.
///
/// # Errors
/// When something is missing and cannot be installed; the message names the packages.
pub fn install_missing() -> Result<()> {
    if missing(NEEDS).is_empty() {
        println!("nothing to install: {} are here", names(NEEDS));
        return Ok(());
    }
    install_missing_of(NEEDS)
}

/// Installs what the lab of full kernels lacks; says nothing where that is nothing.
///
/// # Errors
/// When something is missing and cannot be installed; the message names the packages.
pub fn install_missing_for_lab() -> Result<()> {
    install_missing_of(LAB_NEEDS)
}

/// Asks the mirrors what there is.
///
/// # Errors
/// When they cannot be asked.
pub fn refresh() -> Result<()> {
    shell::run(as_root("apt-get").args(["update", "-q"]))
}

fn install_missing_of(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if shell::find("apt-get").is_none() {
        bail!(
            "this machine lacks what these Debian packages have, and has no apt-get to \
             install them with: {list}"
        );
    }
    println!("installing {list}");
    let masked = mask_etcd(&missing);
    let mut last = Ok(());
    for attempt in 1..=TRIES {
        last = install(&missing);
        match &last {
            Ok(()) => break,
            Err(error) if attempt < TRIES => {
                println!("{error:#}: trying again");
                thread::sleep(BETWEEN_TRIES);
            }
            Err(_) => {}
        }
    }
    if masked {
        unmask_etcd();
    }
    last?;
    let still = self::missing(needs);
    if !still.is_empty() {
        bail!(
            "apt-get went well, and still these are missing: {}",
            still.join(" ")
        );
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    let mut packages: Vec<_> = needs
        .iter()
        .filter(|need| !need.is_here())
        .map(|need| need.package)
        .collect();
    packages.dedup();
    packages
}

fn names(needs: &[Need]) -> String {
    let names: Vec<_> = needs.iter().map(|need| need.what).collect();
    names.join(", ")
}

fn install(packages: &[&str]) -> Result<()> {
    refresh()?;
    shell::run(
        as_root("apt-get")
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

/// Keeps Debian from starting an etcd of the host's own just because the lab needs the program.
/// Returns whether there is something to undo.
fn mask_etcd(packages: &[&str]) -> bool {
    packages.contains(&"etcd-server")
        && Path::new("/run/systemd/system").is_dir()
        && shell::run(as_root("systemctl").args(["--runtime", "mask", "etcd.service"])).is_ok()
}

fn unmask_etcd() {
    for verb in ["unmask", "disable"] {
        let mut command = as_root("systemctl");
        if verb == "unmask" {
            command.arg("--runtime");
        }
        if let Err(error) = shell::run(command.args([verb, "etcd.service"])) {
            println!("{error:#}: an etcd of the host's own may start at the next boot");
        }
    }
}

/// A program that runs as root: as it is where we are root, by `sudo` elsewhere.
fn as_root(name: &str) -> Command {
    let mut command = if shell::is_root() {
        shell::program("env")
    } else {
        let mut sudo = shell::program("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", name]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_once_however_many_of_its_programs_are_missing() {
        let needs = NEEDS.iter().chain(LAB_NEEDS);
        let packages: Vec<_> = needs.map(|need| need.package).collect();
        let mut sorted = packages.clone();
        sorted.dedup();
        let mut unique = packages;
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(sorted.len(), unique.len());
    }
}
