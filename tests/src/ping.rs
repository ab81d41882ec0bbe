//! Pings: one, to know whether; many, to know how many were lost.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exec;
use crate::namespace::Namespace;

/// What an ICMP echo adds to its payload in an IPv4 packet: 20 bytes of IP and 8 of ICMP.
const OVERHEAD: u32 = 28;

/// To how many packets the answers may be on their way when a series is stopped: an emulated kernel
/// takes longer than a hundredth of a second.
const ON_THEIR_WAY: u32 = 5;

/// Sends one packet and says whether the answer came within a second.
///
/// # Errors
/// When there was no answer; the error has what `ping` said.
pub fn once(from: &Namespace, to: &str) -> Result<()> {
    exec::run(
        from.command("ping")
            .args(["-n", "-q", "-c", "1", "-W", "1", to]),
    )
    .map(|_| ())
}

/// Sends one IPv4 packet of `bytes` in all that must not be cut on its way.
///
/// # Errors
/// When there was no answer; the error has what `ping` said.
pub fn whole(from: &Namespace, to: &str, bytes: u32) -> Result<()> {
    let payload = (bytes - OVERHEAD).to_string();
    exec::run(from.command("ping").args([
        "-n", "-q", "-c", "1", "-W", "1", "-M", "do", "-s", &payload, to,
    ]))
    .map(|_| ())
}

/// A ping that goes on until it is stopped.
#[derive(Debug)]
pub struct Series {
    child: Child,
    printed: JoinHandle<String>,
}

/// What became of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many packets were sent.
    pub sent: u32,
    /// The numbers of those without an answer.
    pub lost: BTreeSet<u32>,
}

impl Series {
    /// Starts to send a hundred packets a second.
    ///
    /// # Errors
    /// When `ping` cannot be started.
    pub fn start(from: &Namespace, to: &str) -> Result<Self> {
        Self::every(from, to, "0.01")
    }

    /// Starts to send a thousand packets a second. They are numbered for a minute.
    ///
    /// # Errors
    /// When `ping` cannot be started.
    pub fn start_dense(from: &Namespace, to: &str) -> Result<Self> {
        Self::every(from, to, "0.001")
    }

    fn every(from: &Namespace, to: &str, seconds: &str) -> Result<Self> {
        let inside = from.command("ping");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(inside.get_program())
            .args(inside.get_args())
            .args(["-n", "-i", seconds, to])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run ping")?;
        let mut stdout = child.stdout.take().context("ping has no output")?;
        // A pipe that nobody reads is full after some seconds, and then the ping would wait.
        let printed = thread::spawn(move || {
            let mut text = String::new();
            // What could be read before an error is what there is to count.
            let _ = stdout.read_to_string(&mut text);
            text
        });
        Ok(Self { child, printed })
    }

    /// Ends the series and counts.
    ///
    /// # Errors
    /// When `ping` ended before, or said what we cannot read.
    pub fn stop(mut self) -> Result<Tally> {
        let pid = i32::try_from(self.child.id()).context("a process id out of range")?;
        kill(Pid::from_raw(pid), Signal::SIGINT).context("the ping has ended already")?;
        self.child.wait().context("cannot wait for ping")?;
        let printed = self.printed.join().unwrap_or_default();
        tally(&printed)
    }
}

/// Counts what `ping` printed.
fn tally(text: &str) -> Result<Tally> {
    let sent: u32 = text
        .lines()
        .find_map(|line| line.split_once(" packets transmitted")?.0.parse().ok())
        .with_context(|| format!("ping printed no summary: {text}"))?;
    let answered: BTreeSet<u32> = text
        .lines()
        .filter(|line| line.contains(" bytes from "))
        .filter_map(|line| {
            let number = line.split_once("icmp_seq=")?.1;
            number.split_whitespace().next()?.parse().ok()
        })
        .collect();
    if answered.is_empty() {
        bail!("no packet of {sent} was answered");
    }
    let last = answered.last().copied().unwrap_or(0);
    let is_on_its_way = |number: u32| number > last && sent - last <= ON_THEIR_WAY;
    let lost = (1..=sent)
        .filter(|number| !answered.contains(number) && !is_on_its_way(*number))
        .collect();
    Ok(Tally { sent, lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(numbers: &[u32], sent: u32) -> String {
        let mut text = String::from("PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n");
        for number in numbers {
            text.push_str(&format!(
                "64 bytes from 10.0.0.2: icmp_seq={number} ttl=64 time=0.1 ms\n"
            ));
        }
        text.push_str(&format!(
            "\n--- 10.0.0.2 ping statistics ---\n{sent} packets transmitted, {} received\n",
            numbers.len()
        ));
        text
    }

    #[test]
    fn a_packet_without_an_answer_is_lost() {
        assert_eq!(
            tally(&text(&[1, 2, 4], 4)).unwrap(),
            Tally {
                sent: 4,
                lost: BTreeSet::from([3])
            }
        );
    }

    #[test]
    fn the_last_packets_may_be_on_their_way() {
        assert_eq!(tally(&text(&[1, 2], 3)).unwrap().lost, BTreeSet::new());
        assert_eq!(tally(&text(&[1, 2], 7)).unwrap().lost, BTreeSet::new());
        let lost: BTreeSet<u32> = (3..=8).collect();
        assert_eq!(tally(&text(&[1, 2], 8)).unwrap().lost, lost);
    }

    #[test]
    fn a_series_without_any_answer_is_an_error() {
        assert!(tally(&text(&[], 5)).is_err());
    }
}
