//! What `ifreload -a` takes for the same vnets, where it is given.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::measured::Measured;
use crate::shell;

/// A network namespace and a folder that go when dropped.
struct Room {
    name: String,
    folder: PathBuf,
}

impl Room {
    fn create() -> Result<Self> {
        let name = format!("we-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {folder:?}"))?;
        shell::run(shell::program("ip").args(["netns", "add", &name]))?;
        let room = Self { name, folder };
        shell::run(shell::program("ip").args(["-n", &room.name, "link", "set", "lo", "up"]))?;
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It is only a measurement: what cannot be deleted is seen in `ip netns`.
        let _ = shell::run(shell::program("ip").args(["netns", "del", &self.name]));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Creates the vnets with `ifreload -a`, then again with nothing changed, then with one more.
///
/// `WEFT_IFUPDOWN2` names a folder into which Debian's `ifupdown2` package was unpacked.
///
/// # Errors
/// When a file cannot be written, or `ifreload` cannot be started.
pub fn ifreload(size: u32, measured: &mut Measured) -> Result<()> {
    let Some(unpacked) = std::env::var_os("WEFT_IFUPDOWN2") else {
        measured.lack("ifreload: create all", "WEFT_IFUPDOWN2 is not given");
        return Ok(());
    };
    let room = Room::create()?;
    let file = room.folder.join("interfaces");
    // Python compiles what it loads the first time; that is not what is compared.
    fs::write(&file, interfaces(0)).context("cannot write the interfaces")?;
    reload(&room, Path::new(&unpacked))?;
    let mut take = |what: &str, size: u32, vnets: u32| -> Result<()> {
        fs::write(&file, interfaces(vnets)).context("cannot write the interfaces")?;
        let start = Instant::now();
        reload(&room, Path::new(&unpacked))?;
        measured.put(what, size, start.elapsed().as_secs_f64());
        Ok(())
    };
    take("ifreload: create all", size, size)?;
    take("ifreload: nothing changed", size, size)?;
    take("ifreload: one added", size, size + 1)
}

/// What `ifreload` finds where it looks for its settings and its parts: those of the unpacked
/// package, laid over the host's in mounts that nobody else sees.
const RELOAD: &str = "\
set -e
unpacked=$1 room=$2
mount -t tmpfs none /run
lay_over() {
    mkdir -p \"$room/upper/$1\" \"$room/work/$1\"
    mount -t overlay none \"/$1\" \\
        -o \"lowerdir=$unpacked/$1:/$1,upperdir=$room/upper/$1,workdir=$room/work/$1\"
}
lay_over usr/share
lay_over etc
mkdir -p /run/network \"$room/state\"
cp \"$room/interfaces\" /etc/network/interfaces
sed -i \"s#^state_dir=.*#state_dir=$room/state/#\" /etc/network/ifupdown2/ifupdown2.conf
ln -sf /usr/share/ifupdown2/ifupdown2 \"$room/ifreload\"
exec env PYTHONPATH=/usr/share /usr/bin/python3 \"$room/ifreload\" -a
";

/// Runs `ifreload -a` in the room.
fn reload(room: &Room, unpacked: &Path) -> Result<()> {
    let shown = shell::show(
        shell::program("ip")
            .args(["netns", "exec", &room.name, "unshare", "--mount"])
            .args(["sh", "-c", RELOAD, "ifreload"])
            .arg(unpacked)
            .arg(&room.folder),
    )?;
    anyhow::ensure!(shown.success, "ifreload failed");
    Ok(())
}

/// The peer's own file for the vnets.
fn interfaces(size: u32) -> String {
    let mut text = String::from("auto lo\niface lo inet loopback\n\n");
    for number in 1..=size {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "auto v{number}\niface v{number}\n\tbridge_ports vxlan_v{number}\n\tbridge_stp off\n\
             \tbridge_fd 0\n\tmtu 1450\n\n\
             auto vxlan_v{number}\niface vxlan_v{number}\n\tvxlan-id {number}\n\
             \tvxlan-local-tunnelip 127.0.0.1\n\tmtu 1450\n\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_file_has_two_devices_for_a_vnet() {
        assert_eq!(interfaces(3).matches("\niface ").count(), 1 + 6);
    }
}
