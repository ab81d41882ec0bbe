//! The folder that machine and lab both write: what is to be run goes in, what came of it out.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Variables that go inside, by how they begin. All others stay outside: what a machine's own
/// environment has is not meant for a file.
const VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_",
    "TERM",
    "CARGO_",
    "RUST",
    "NEXTEST_",
    "WEFT_",
    "PROPTEST_",
    "CI",
];

/// Where the disk is, inside.
const DISK_FOLDER: &str = "/mnt/weft-lab";

/// How large a disk is, in bytes; of those that nobody wrote the machine's disk has none.
const DISK: u64 = 1 << 30;

/// The share of one run.
#[derive(Debug)]
pub struct Share {
    folder: PathBuf,
    /// Whether the folder goes when the run is over.
    fleeting: bool,
}

/// What is run inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Variables besides those of the machine.
    pub variables: Vec<(String, OsString)>,
    /// Where it runs.
    pub folder: PathBuf,
}

impl Share {
    /// A folder that stays, with what is in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(folder: &Path) -> Result<Self> {
        Self::make(folder, false)
    }

    /// A folder that goes with the run.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn fleeting(cache: &Path) -> Result<Self> {
        Self::make(&cache.join(format!("run.{}", std::process::id())), true)
    }

    fn make(folder: &Path, fleeting: bool) -> Result<Self> {
        let control = folder.join(".lab");
        if control.exists() {
            fs::remove_dir_all(&control)
                .with_context(|| format!("cannot remove {}", control.display()))?;
        }
        fs::create_dir_all(&control)
            .with_context(|| format!("cannot make {}", control.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot find {}", folder.display()))?;
        ensure!(
            !folder.to_string_lossy().contains(','),
            "the emulator takes no folder with a comma in its name: {}",
            folder.display()
        );
        Ok(Self { folder, fleeting })
    }

    /// Where it is, outside and inside.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of what the lab itself needs.
    pub fn control(&self) -> PathBuf {
        self.folder.join(".lab")
    }

    /// Puts in what is to be run, on the boot with this number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, order: &Order, boot: u32) -> Result<()> {
        let mut environment = String::new();
        let kept = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            VARIABLES.iter().any(|known| name.starts_with(known))
        });
        let own = order
            .variables
            .iter()
            .map(|(name, value)| (OsString::from(name), value.clone()));
        let mut lab = vec![
            ("WEFT_LAB_SHARE", self.folder.clone().into_os_string()),
            ("WEFT_LAB_BOOT", boot.to_string().into()),
        ];
        if self.disk().exists() {
            lab.push(("WEFT_LAB_DISK", DISK_FOLDER.into()));
            lab.push(("TMPDIR", DISK_FOLDER.into()));
        }
        let lab = lab.into_iter().map(|(name, value)| (name.into(), value));
        for (name, value) in kept.chain(own).chain(lab) {
            writeln!(
                environment,
                "export {}={}",
                name.to_string_lossy(),
                quoted(&value)
            )?;
        }
        let words: Vec<_> = order.words.iter().map(|word| quoted(word)).collect();
        let command = format!(
            "cd {} && exec {}\n",
            quoted(order.folder.as_os_str()),
            words.join(" ")
        );
        self.write("environment", &environment)?;
        self.write("command", &command)?;
        self.write("start", include_str!("start.sh"))
    }

    /// Writes a file of the lab's own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let file = self.control().join(name);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Gives the lab a disk, which is empty and survives the loss of power.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn add_disk(&self) -> Result<()> {
        let file = self.disk();
        let made = fs::File::create(&file).and_then(|file| file.set_len(DISK));
        made.with_context(|| format!("cannot make {}", file.display()))
    }

    /// The file of the disk, where there is one.
    pub fn disk(&self) -> PathBuf {
        self.control().join("disk")
    }

    /// Whether the command cut the power; once asked, it did not.
    pub fn take_cut(&self) -> bool {
        fs::remove_file(self.folder.join("cut")).is_ok()
    }

    /// The exit code of what was run; `None` where it did not come to that.
    pub fn code(&self) -> Option<u8> {
        let text = fs::read_to_string(self.control().join("code")).ok()?;
        text.trim().parse().ok()
    }

    /// The end of what the kernel said.
    pub fn last_words(&self) -> String {
        let said = fs::read(self.control().join("console")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.fleeting {
            // What is left in the build folder harms nobody.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A word that a shell takes as it is.
pub fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted(OsStr::new("a b")), "'a b'");
        assert_eq!(quoted(OsStr::new("it's $HOME")), "'it'\\''s $HOME'");
    }

    #[test]
    fn what_is_put_in_is_a_command_and_its_exit_code_is_read() {
        let cache = std::env::temp_dir().join(format!("weft-share-{}", std::process::id()));
        let share = Share::fleeting(&cache).unwrap();
        share
            .put(
                &Order {
                    words: ["echo", "a b"].map(OsString::from).to_vec(),
                    variables: vec![("WEFT_X".to_owned(), OsString::from("it's"))],
                    folder: PathBuf::from("/tmp"),
                },
                2,
            )
            .unwrap();
        let command = fs::read_to_string(share.control().join("command")).unwrap();
        assert_eq!(command, "cd '/tmp' && exec 'echo' 'a b'\n");
        let environment = fs::read_to_string(share.control().join("environment")).unwrap();
        assert!(environment.contains("export WEFT_X='it'\\''s'\n"));
        assert!(environment.contains("export WEFT_LAB_BOOT='2'\n"));
        assert!(!environment.contains("WEFT_LAB_DISK"));
        assert_eq!(share.code(), None);
        share.write("code", "7\n").unwrap();
        assert_eq!(share.code(), Some(7));
        assert!(!share.take_cut());
        fs::write(share.folder().join("cut"), "").unwrap();
        assert!(share.take_cut());
        assert!(!share.take_cut());
        drop(share);
        fs::remove_dir(&cache).unwrap();
    }
}
