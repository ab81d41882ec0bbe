//! Debian's kernel and what it is started with: the machine keeps the kernel that it has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::archive::Archive;
use super::fetch;
use crate::shell;

/// Debian's name for its newest kernel on this kind of machine.
pub const NEWEST: &str = "linux-image-amd64";

/// The programs of the first moments: linked into one file that needs no other.
const BUSYBOX: &str = "busybox-static";

/// The modules without which the machine's files cannot be seen, nor what the command prints, nor
/// is there any chance that is not drawn slowly.
const FIRST_MODULES: [&str; 6] = [
    "virtio_pci",
    "virtio_console",
    "virtio_rng",
    "9p",
    "9pnet_virtio",
    "overlay",
];

/// A kernel that can be started.
#[derive(Debug)]
pub struct Kernel {
    release: String,
    folder: PathBuf,
}

impl Kernel {
    /// The kernel of a Debian package, fetched and unpacked where it was not before.
    ///
    /// # Errors
    /// When it cannot be had, or is not of a kind that the lab can start.
    pub fn get(cache: &Path, package: &str) -> Result<Self> {
        ensure!(
            package
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b)),
            "{package:?} is not the name of a package"
        );
        ensure!(
            std::env::consts::ARCH == "x86_64",
            "the lab emulates an x86_64 machine, and this one is {}",
            std::env::consts::ARCH
        );
        let folder = fetch::once(cache, package, |folder| unpack(folder, package))?;
        let release = release(&folder)?;
        Ok(Self { release, folder })
    }

    /// The file that is started.
    pub fn image(&self) -> PathBuf {
        self.folder.join("boot/vmlinuz-".to_owned() + &self.release)
    }

    /// The folder of its modules.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("lib/modules").join(&self.release)
    }

    /// The first files: the script `init`, the shell it is written for, the modules it loads, and
    /// what it is told.
    ///
    /// # Errors
    /// When a module is missing.
    pub fn first_files(&self, settings: &str) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for folder in [
            "bin", "modules", "proc", "sys", "dev", "machine", "inside", "memory", "root",
        ] {
            archive.folder(folder);
        }
        archive.program("bin/busybox", &read(&self.folder.join("bin/busybox"))?);
        archive.program("init", include_bytes!("init.sh"));
        archive.file("settings", settings.as_bytes());
        for (number, module) in self.first_modules()?.iter().enumerate() {
            // They are loaded in the order of their names.
            archive.file(&format!("modules/{number:02}.ko"), &read(module)?);
        }
        Ok(archive.finish())
    }

    /// The files of the first modules, each after those that it needs.
    fn first_modules(&self) -> Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> = Vec::new();
        for module in FIRST_MODULES {
            let said = shell::read(tool("modprobe")?.arg("--dirname").arg(&self.folder).args([
                "--set-version",
                &self.release,
                "--show-depends",
                module,
            ]))?;
            for line in said.lines() {
                // A module that is built in needs no file.
                let Some(file) = line.strip_prefix("insmod ") else {
                    continue;
                };
                let file = PathBuf::from(file.trim());
                ensure!(
                    file.extension().is_some_and(|end| end == "ko"),
                    "{} is compressed, which the lab does not read: take another kernel",
                    file.display()
                );
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        Ok(files)
    }
}

/// Unpacks a kernel and the programs of its first moments.
fn unpack(folder: &Path, package: &str) -> Result<()> {
    let image = fetch::known(package, || Ok(depends(package)))?;
    fetch::unpack(folder, &[image, BUSYBOX.to_owned()])?;
    let release = release(folder)?;
    shell::run(tool("depmod")?.arg("-b").arg(folder).arg(&release))
}

/// The package that has the files: Debian's name for the newest depends on it.
fn depends(package: &str) -> Option<String> {
    let said = shell::read(Command::new("apt-cache").args(["depends", package])).ok()?;
    let mut lines = said.lines().map(str::trim);
    let own = lines.next()?.to_owned();
    let other = lines
        .filter_map(|line| line.strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"));
    Some(other.map_or(own, str::to_owned))
}

/// The release of the one kernel in a folder.
fn release(folder: &Path) -> Result<String> {
    let modules = folder.join("lib/modules");
    let mut releases = fs::read_dir(&modules)
        .with_context(|| format!("cannot list {}", modules.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    match (releases.next(), releases.next()) {
        (Some(release), None) => Ok(release),
        _ => bail!(
            "{} has not the modules of one kernel: delete {} and try again",
            modules.display(),
            folder.display()
        ),
    }
}

/// A program for administrators, whose folder is not on everyone's path.
fn tool(name: &str) -> Result<Command> {
    let file = shell::find(name).with_context(|| format!("{name} is not installed"))?;
    Ok(Command::new(file))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
