//! Programs that are there inside the lab and need not be on the machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::fetch;
use crate::shell;

/// The packages, besides all that the machine has. Their services are not started.
const PACKAGES: [&str; 2] = ["openvswitch-switch", "frr"];

/// What installing the packages would link besides: the link, and where it leads.
const LINKS: [(&str, &str); 1] = [(
    "usr/sbin/ovs-vswitchd",
    "/usr/lib/openvswitch-switch/ovs-vswitchd",
)];

/// Folders of packages that are links to those in `usr` on a machine.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// The folder that is laid over the machine's files, fetched where it was not before.
///
/// # Errors
/// When a package cannot be had.
pub fn get(cache: &Path) -> Result<PathBuf> {
    // Named for what is in it: one that was made while the machine had a package lacks that one.
    let installed = shell::read(Command::new("dpkg-query").args([
        "--show",
        "--showformat",
        "${Package} ${Status}\\n",
    ]))?;
    let name = format!("lacked.{}", lacking(&installed).join("+"));
    fetch::once(cache, &name, |folder| {
        let names = fetch::known(&PACKAGES.join(" "), missing)?;
        fetch::unpack(folder, &names)?;
        merge(folder)?;
        link(folder)
    })
}

/// The packages and all that they need, without what the machine has.
fn missing() -> Result<Option<Vec<String>>> {
    let said = shell::read(
        Command::new("apt-get")
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(PACKAGES),
    )?;
    Ok(Some(named(&said)))
}

/// Those of the packages that the machine does not have, by what `dpkg-query` says of each that it
/// knows; one that was removed and left its settings is known, and not had.
fn lacking(said: &str) -> Vec<&'static str> {
    let is_had = |package: &&str| {
        said.lines().any(|line| {
            let status = line.strip_prefix(package);
            status.is_some_and(|status| status.starts_with(' ') && status.ends_with(" installed"))
        })
    };
    let packages = PACKAGES.into_iter();
    packages.filter(|package| !is_had(package)).collect()
}

/// What `apt-get install --simulate` would install.
pub(super) fn named(said: &str) -> Vec<String> {
    said.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Moves what is in `lib` and its like into `usr`: a folder of that name would hide the machine's.
fn merge(folder: &Path) -> Result<()> {
    for name in MERGED {
        let from = folder.join(name);
        if from.is_dir() {
            let to = folder.join("usr").join(name);
            fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
            shell::run(
                Command::new("cp")
                    .arg("-a")
                    .arg(from.join("."))
                    .arg(to.join(".")),
            )?;
            fs::remove_dir_all(&from)
                .with_context(|| format!("cannot remove {}", from.display()))?;
        }
    }
    Ok(())
}

fn link(folder: &Path) -> Result<()> {
    for (name, target) in LINKS {
        let file = folder.join(name);
        // Where the machine has the package there is nothing of it here.
        if folder.join(target.trim_start_matches('/')).is_file() && !file.exists() {
            symlink(target, &file).with_context(|| format!("cannot make {}", file.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_what_would_be_installed_are_read() {
        let said = "\
NOTE: This is only a simulation!
Inst libxdp1 (1.3.1-1 Debian:12.15/oldstable [amd64])
Inst openvswitch-switch [3.0] (3.1.0-2+deb12u1 Debian-Security:12 [amd64])
Conf libxdp1 (1.3.1-1 Debian:12.15/oldstable [amd64])
";
        assert_eq!(named(said), ["libxdp1", "openvswitch-switch"]);
        assert_eq!(
            named("0 upgraded, 0 newly installed\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_packages_that_a_machine_lacks_are_those_that_are_not_installed() {
        assert_eq!(lacking("dpkg install ok installed\n"), PACKAGES);
        assert_eq!(
            lacking(
                "frr install ok installed\nopenvswitch-switch-dpdk install ok installed\n\
                 openvswitch-switch deinstall ok config-files\n"
            ),
            ["openvswitch-switch"]
        );
        assert_eq!(
            lacking("frr install ok installed\nopenvswitch-switch hold ok installed\n"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn no_folder_is_left_that_would_hide_one_of_the_machine() {
        let folder = std::env::temp_dir().join(format!("weft-merge-{}", std::process::id()));
        fs::create_dir_all(folder.join("lib/systemd")).unwrap();
        fs::create_dir_all(folder.join("usr/lib/ovs")).unwrap();
        fs::write(folder.join("lib/systemd/unit"), "").unwrap();
        merge(&folder).unwrap();
        let left: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(folder.join("usr/lib/systemd/unit").is_file());
        assert!(folder.join("usr/lib/ovs").is_dir());
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, ["usr"]);
    }
}
