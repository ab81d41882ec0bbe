//! Starts a kernel as an ordinary process, and gives back what became of the command in it.
//!
//! # Guarantees
//! The machine's files are only read; the share alone is written. The emulator ends when the
//! command does, when the time is over, and when whoever started it is gone. Nothing of the
//! machine's own network is reachable from inside.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::inside;
use super::kernel::{Kernel, NEWEST};
use super::share::{Order, Share, quoted};
use crate::shell;

/// The emulator.
const EMULATOR: &str = "qemu-system-x86_64";

/// Short beside any command, long beside a system call.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What a full machine of 64 bits is to an emulator, without what costs it much and gives nothing:
/// page tables of five levels.
const EMULATED_CPU: &str = "max,la57=off";

/// What the kernel is told: say little, start quickly, restart on a panic (which ends the emulator).
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr audit=0 \
    apparmor=0 random.trust_cpu=on rcupdate.rcu_expedited=1 tsc=reliable no_timer_check \
    cryptomgr.notests net.ifnames=0";

/// The machine that is emulated.
#[derive(Args, Clone, Debug)]
pub struct Machine {
    /// How many processors it has
    #[arg(long, default_value_t = 2, global = true)]
    cpus: u8,
    /// How many MiB of memory it has; what is written inside goes there too
    #[arg(long, default_value_t = 4096, global = true)]
    memory: u32,
    /// End it after so many seconds, with exit code 124
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, global = true)]
    limit: u64,
    /// Use /dev/kvm: fast where it works, and it may be there and not work
    #[arg(long, global = true)]
    kvm: bool,
    /// The Debian package of the kernel
    #[arg(long, value_name = "PACKAGE", default_value = NEWEST, global = true)]
    kernel: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command ended with this exit code.
    Code(u8),
    /// It was ended because the time was over.
    Late,
}

impl End {
    /// The exit code that says so.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            // As `timeout` has it.
            Self::Late => 124,
        }
    }
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What was printed, where it was to be kept.
    pub printed: String,
}

/// What the command has as its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Nothing to read; what it prints is printed.
    Output,
    /// Nothing to read; what it prints is printed, and kept.
    Kept,
    /// The one that we have.
    Ours,
}

impl Machine {
    /// The machine for a run of tests, ended after this many seconds.
    pub fn limited(limit: u64) -> Self {
        Self {
            cpus: 2,
            memory: 4096,
            limit,
            kvm: false,
            kernel: NEWEST.to_owned(),
        }
    }

    /// The emulator's command for an order, which is put into the share; what it needs is fetched
    /// into the cache where it is not there.
    ///
    /// # Errors
    /// When what it needs cannot be had or written.
    fn command(
        &self,
        cache: &Path,
        share: &Share,
        order: &Order,
        terminal: Terminal,
        boot: u32,
    ) -> Result<Command> {
        let kernel = Kernel::get(cache, &self.kernel)?;
        let inside = inside::get(cache)?;
        let mut order = order.clone();
        if terminal == Terminal::Ours {
            order
                .variables
                .push(("WEFT_LAB_TERMINAL".to_owned(), size_of_ours()));
        }
        share.put(&order, boot)?;
        let settings = format!(
            "share={}\ncontrol={}\nmodules={}\n",
            quoted(share.folder().as_os_str()),
            quoted(share.control().as_os_str()),
            quoted(kernel.modules().as_os_str())
        );
        share.write("first-files", kernel.first_files(&settings)?)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", EMULATOR])
            .args(self.hardware())
            .arg("-kernel")
            .arg(kernel.image())
            .arg("-initrd")
            .arg(share.control().join("first-files"))
            .args(["-append", KERNEL_WORDS])
            .arg("-serial")
            .arg(prefixed("file:", &share.control().join("console")));
        for (tag, path, rights) in [
            ("machine", Path::new("/"), ",readonly=on"),
            ("inside", &inside, ",readonly=on"),
            ("share", share.folder(), ""),
        ] {
            let mut folder = prefixed(&format!("local,id={tag},path="), path);
            folder.push(rights);
            folder.push(",security_model=none,multidevs=remap");
            command.arg("-fsdev").arg(folder);
            command.args([
                "-device",
                &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
            ]);
        }
        if share.disk().exists() {
            // What the kernel inside has not written is lost with it; what it has, we do not lose.
            let drive = "if=none,id=disk,format=raw,cache=unsafe,file=";
            command.arg("-drive").arg(prefixed(drive, &share.disk()));
            command.args(["-device", "virtio-blk-pci,drive=disk"]);
        }
        match terminal {
            Terminal::Ours => {}
            Terminal::Output => {
                command.stdin(Stdio::null());
            }
            Terminal::Kept => {
                command.stdin(Stdio::null()).stdout(Stdio::piped());
            }
        }
        Ok(command)
    }

    fn hardware(&self) -> Vec<String> {
        // A process of its own is all the machine that is wanted: no display, no network, no disk.
        let fixed = "-no-user-config -nodefaults -display none -no-reboot -nic none \
            -machine q35,usb=off,vmport=off -device virtio-serial-pci \
            -chardev stdio,id=out,signal=off -device virtconsole,chardev=out -device virtio-rng-pci";
        let (accelerator, cpu) = if self.kvm {
            ("kvm", "host")
        } else {
            ("tcg,thread=multi,tb-size=512", EMULATED_CPU)
        };
        let (cpus, memory) = (self.cpus.to_string(), format!("{}M", self.memory));
        let chosen = [
            "-accel",
            accelerator,
            "-cpu",
            cpu,
            "-smp",
            &cpus,
            "-m",
            &memory,
        ];
        fixed
            .split_whitespace()
            .chain(chosen)
            .map(str::to_owned)
            .collect()
    }

    /// Runs an order to its end; where the command cuts the power, again on the next boot.
    ///
    /// # Errors
    /// When the lab cannot be started, or its kernel ends before the command does; the error has
    /// the kernel's last words.
    pub fn run(
        &self,
        cache: &Path,
        share: &Share,
        order: &Order,
        terminal: Terminal,
    ) -> Result<Ran> {
        let start = Instant::now();
        let mut all = String::new();
        let mut boot = 1;
        loop {
            let mut child = self
                .command(cache, share, order, terminal, boot)?
                .spawn()
                .context("cannot run the emulator")?;
            let printed = child
                .stdout
                .take()
                .map(|stdout| thread::spawn(move || shell::copy(stdout, std::io::stdout())));
            let status = self.wait(&mut child, start)?;
            let printed = printed.and_then(|printed| printed.join().ok());
            all.push_str(&printed.unwrap_or_default());
            if share.code().is_none() && status.is_some() && share.take_cut() {
                boot += 1;
                println!("lab: the power was cut; this is boot {boot}");
                continue;
            }
            let end = end(status, self.limit, share)?;
            return Ok(Ran { end, printed: all });
        }
    }

    /// Waits until the emulator ended, or ends it when the time is over.
    fn wait(&self, child: &mut Child, start: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = child.try_wait().context("cannot wait for the emulator")? {
                return Ok(Some(status));
            }
            if start.elapsed() >= Duration::from_secs(self.limit) {
                child.kill().context("cannot end the emulator")?;
                child.wait().context("cannot wait for the emulator")?;
                return Ok(None);
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }
}

fn end(status: Option<ExitStatus>, limit: u64, share: &Share) -> Result<End> {
    match (share.code(), status) {
        (Some(code), _) => Ok(End::Code(code)),
        (None, None) => {
            eprintln!("lab: ended after {limit} s, as --limit says");
            Ok(End::Late)
        }
        (None, Some(status)) => bail!(
            "the lab's kernel ended before the command did (emulator: {status}); its last words:\n{}",
            share.last_words()
        ),
    }
}

/// How large our terminal is, in the words of `stty`.
fn size_of_ours() -> OsString {
    let size = shell::read(Command::new("stty").args(["-F", "/dev/tty", "size"]));
    let size = size.unwrap_or_default();
    let mut words = size.split_whitespace();
    match (words.next(), words.next()) {
        (Some(rows), Some(columns)) => format!("rows {rows} cols {columns}").into(),
        _ => "rows 24 cols 80".into(),
    }
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(prefix);
    whole.push(path);
    whole
}
