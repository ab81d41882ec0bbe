//! A network namespace: a host of its own, as far as its network goes.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::exec;
use crate::lab::Lab;

/// A network namespace of a lab.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace for a role in the lab.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn create(lab: &Lab, role: &str) -> Result<Self> {
        Ok(Self {
            name: lab.add_namespace(role)?,
        })
    }

    /// Its name, as `ip netns` has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A program that runs inside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.name))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs `ip` with these words inside, and returns what it printed.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn ip(&self, words: &str) -> Result<String> {
        exec::run(
            Command::new("ip")
                .args(["-n", &self.name])
                .args(words.split_whitespace()),
        )
    }

    /// Runs many `ip` commands inside, one a line, all or up to the first that fails.
    ///
    /// # Errors
    /// When one fails.
    pub fn batch(&self, lines: &str) -> Result<()> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run ip -batch")?;
        child
            .stdin
            .take()
            .context("ip -batch has no standard input")?
            .write_all(lines.as_bytes())
            .context("cannot write to ip -batch")?;
        let output = child.wait_with_output().context("cannot wait for ip")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("ip -n {} -batch failed: {said}\n{lines}", self.name);
        }
        Ok(())
    }

    /// Sets a switch of the namespace's kernel, such as `net.ipv4.ip_forward`.
    ///
    /// # Errors
    /// When there is no such switch.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        exec::run(
            self.command("sh")
                .args(["-c", "echo \"$1\" > \"$2\"", "sh", value, &path]),
        )?;
        Ok(())
    }

    /// The MTU of a device inside.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn mtu(&self, device: &str) -> Result<u32> {
        let line = self.ip(&format!("-o link show dev {device}"))?;
        line.split_whitespace()
            .skip_while(|word| *word != "mtu")
            .nth(1)
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("no mtu in {line:?}"))
    }

    /// Whether there is a device of this name, or alternative name, inside.
    pub fn has_device(&self, device: &str) -> bool {
        self.ip(&format!("-o link show dev {device}")).is_ok()
    }
}
