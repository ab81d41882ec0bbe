//! What really passed a cable: every frame, with its tags.

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::namespace::Namespace;

/// The mark of a capture file whose times are in microseconds, as the machine writes numbers.
const MARK: u32 = 0xa1b2_c3d4;
/// How long the head of a capture file is.
const HEAD: usize = 24;
/// How long the head of each frame in it is.
const FRAME_HEAD: usize = 16;

/// A tag of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// 802.1Q, with its VLAN.
    Customer(u16),
    /// 802.1ad, with its VLAN.
    Service(u16),
}

/// A frame as it passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its tags, the outermost first.
    pub tags: Vec<Tag>,
    /// What it carries, as the number behind the tags says.
    pub kind: u16,
    /// What it carries, without addresses, tags and that number.
    pub content: Vec<u8>,
}

impl Frame {
    /// Whether it is an IPv4 ping to this address: the question, not the answer.
    pub fn asks(&self, address: Ipv4Addr) -> bool {
        const IPV4: u16 = 0x0800;
        const ICMP: u8 = 1;
        const ECHO: u8 = 8;
        self.kind == IPV4
            && self.content.get(9) == Some(&ICMP)
            && self.content.get(16..20) == Some(&address.octets())
            && self.content.get(20) == Some(&ECHO)
    }

    /// Whether it is an ARP request of `who` for the Ethernet address of `whom`.
    pub fn looks_for(&self, who: Ipv4Addr, whom: Ipv4Addr) -> bool {
        const ARP: u16 = 0x0806;
        const REQUEST: [u8; 2] = [0, 1];
        self.kind == ARP
            && self.content.get(6..8) == Some(&REQUEST)
            && self.content.get(14..18) == Some(&who.octets())
            && self.content.get(24..28) == Some(&whom.octets())
    }

    /// A frame from its bytes; `None` where it is cut short.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        // Behind the two addresses.
        let mut at = 12;
        let mut tags = Vec::new();
        loop {
            let kind = word(at)?;
            let tag = match kind {
                0x8100 => Tag::Customer,
                0x88a8 => Tag::Service,
                _ => {
                    return Some(Self {
                        tags,
                        kind,
                        content: bytes[at + 2..].to_vec(),
                    });
                }
            };
            // The upper four bits say how urgent it is.
            tags.push(tag(word(at + 2)? & 0x0fff));
            at += 4;
        }
    }
}

/// A capture that goes on until it is stopped.
#[derive(Debug)]
pub struct Capture {
    child: Child,
    captured: JoinHandle<Vec<u8>>,
}

impl Capture {
    /// Starts to keep what passes a device; what passes from now on is in it.
    ///
    /// # Errors
    /// When `tcpdump` cannot be started, or has not that device.
    pub fn start(on: &Namespace, device: &str) -> Result<Self> {
        let inside = on.command("tcpdump");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(inside.get_program())
            .args(inside.get_args())
            // As root still: it would change to a user that not every machine has.
            .args(["-Z", "root", "-n", "-U", "--immediate-mode", "-w", "-"])
            .args(["-i", device])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run tcpdump")?;
        let mut stdout = child.stdout.take().context("tcpdump has no output")?;
        let captured = thread::spawn(move || {
            let mut bytes = Vec::new();
            // What could be read before an error is what there is to look at.
            let _ = stdout.read_to_end(&mut bytes);
            bytes
        });
        let stderr = child.stderr.take().context("tcpdump says nothing")?;
        let mut said = String::new();
        let mut lines = BufReader::new(stderr);
        while !said.contains("listening on") {
            let read = lines.read_line(&mut said).context("cannot read tcpdump")?;
            ensure!(
                read > 0,
                "tcpdump on {device} of {} ended: {said}",
                on.name()
            );
        }
        // Nobody reads its last words; a pipe that is closed would end it before its time.
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(Self { child, captured })
    }

    /// Ends the capture; returns what passed, in its order.
    ///
    /// # Errors
    /// When `tcpdump` ended before, or wrote what we cannot read.
    pub fn stop(mut self) -> Result<Vec<Frame>> {
        let pid = i32::try_from(self.child.id()).context("a process id out of range")?;
        kill(Pid::from_raw(pid), Signal::SIGINT).context("the capture has ended already")?;
        self.child.wait().context("cannot wait for tcpdump")?;
        frames(&self.captured.join().unwrap_or_default())
    }
}

/// The frames of a capture file.
fn frames(file: &[u8]) -> Result<Vec<Frame>> {
    let number = |at: usize| {
        let bytes = file.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    if number(0) != Some(MARK) {
        bail!("this is no capture file of {} bytes", file.len());
    }
    let mut frames = Vec::new();
    let mut at = HEAD;
    while let Some(length) = number(at + 8) {
        let start = at + FRAME_HEAD;
        let end = start + usize::try_from(length)?;
        let Some(bytes) = file.get(start..end) else {
            bail!("the capture file ends in the middle of a frame");
        };
        frames.push(Frame::parse(bytes).context("a frame is shorter than its head")?);
        at = end;
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    fn bytes(head: &[u8], content: &[u8]) -> Vec<u8> {
        [&ADDRESSES, head, content].concat()
    }

    #[test]
    fn tags_are_read_from_the_outermost_in_without_their_urgency() {
        let frame = bytes(&[0x88, 0xa8, 0x60, 20, 0x81, 0, 0, 100, 8, 6], &[1, 2]);
        assert_eq!(
            Frame::parse(&frame).unwrap(),
            Frame {
                tags: vec![Tag::Service(20), Tag::Customer(100)],
                kind: 0x0806,
                content: vec![1, 2],
            }
        );
        assert_eq!(Frame::parse(&ADDRESSES), None);
    }

    #[test]
    fn a_capture_file_is_read_frame_by_frame() {
        let untagged = bytes(&[8, 0], &[7]);
        let mut file = MARK.to_ne_bytes().to_vec();
        file.resize(HEAD, 0);
        for _ in 0..2 {
            let length = u32::try_from(untagged.len()).unwrap().to_ne_bytes();
            file.extend([[0; 4], [0; 4], length, length].concat());
            file.extend(&untagged);
        }
        let read = frames(&file).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].kind, &read[1].content[..]), (0x0800, &[7][..]));
        assert!(frames(&file[..file.len() - 1]).is_err());
        assert!(frames(b"").is_err());
    }

    #[test]
    fn the_question_of_a_ping_is_told_from_its_answer() {
        let mut content = vec![0; 28];
        content[9] = 1;
        content[16..20].copy_from_slice(&[10, 0, 0, 2]);
        content[20] = 8;
        let mut frame = Frame {
            tags: Vec::new(),
            kind: 0x0800,
            content,
        };
        assert!(frame.asks(Ipv4Addr::new(10, 0, 0, 2)));
        assert!(!frame.asks(Ipv4Addr::new(10, 0, 0, 3)));
        frame.content[20] = 0;
        assert!(!frame.asks(Ipv4Addr::new(10, 0, 0, 2)));
    }
}
