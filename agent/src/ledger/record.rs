//! One record: a line that says what follows and proves it, then the value as JSON.
//!
//! ```text
//! weft-agent journal 1 42 317 9f86d081884c7d65...
//! {"pin":...}
//! ```
//!
//! Kind, version of the format, sequence number, length of the value, SHA-256 over all of these and
//! the value. What comes after the value does not matter: a file may be longer than its record.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The version of the format that this agent writes, and the only one that it reads.
pub(super) const VERSION: u32 = 1;

const MAGIC: &str = "weft-agent";

/// A record that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sequence: u64,
    pub(super) value: &'a [u8],
}

/// Why bytes are no record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Nothing was ever written.
    Blank,
    /// Something else than what was written.
    Damaged,
    /// What a later agent wrote.
    UnknownVersion(u32),
}

pub(super) fn encode(kind: &str, sequence: u64, value: &[u8]) -> Vec<u8> {
    encode_version(kind, VERSION, sequence, value)
}

pub(super) fn encode_version(kind: &str, version: u32, sequence: u64, value: &[u8]) -> Vec<u8> {
    let head = format!("{MAGIC} {kind} {version} {sequence} {}", value.len());
    let proof = proof(&head, value);
    let mut bytes = format!("{head} {proof}\n").into_bytes();
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
    bytes
}

pub(super) fn decode<'a>(kind: &str, bytes: &'a [u8]) -> Result<Record<'a>, Unreadable> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(Unreadable::Blank);
    }
    let (version, record) = proven(kind, bytes).ok_or(Unreadable::Damaged)?;
    if version == VERSION {
        Ok(record)
    } else {
        Err(Unreadable::UnknownVersion(version))
    }
}

/// Checks the proof before anything in the line is believed, the version among it.
fn proven<'a>(kind: &str, bytes: &'a [u8]) -> Option<(u32, Record<'a>)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let (head, claimed) = line.rsplit_once(' ')?;
    let mut words = head.split(' ');
    let is_ours = words.next() == Some(MAGIC) && words.next() == Some(kind);
    let version = words.next()?.parse().ok()?;
    let sequence = words.next()?.parse().ok()?;
    let length: usize = words.next()?.parse().ok()?;
    let start = end + 1;
    let value = bytes.get(start..start.checked_add(length)?)?;
    let holds = is_ours && words.next().is_none() && proof(head, value) == claimed;
    holds.then_some((version, Record { sequence, value }))
}

fn proof(head: &str, value: &[u8]) -> String {
    let sum = Sha256::new()
        .chain_update(head)
        .chain_update(b"\n")
        .chain_update(value)
        .finalize();
    sum.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_whatever_follows_it() {
        let mut bytes = encode("journal", 7, b"{}");
        bytes.extend_from_slice(b"the end of a longer record");
        let record = Record {
            sequence: 7,
            value: b"{}",
        };
        assert_eq!(decode("journal", &bytes), Ok(record));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = encode("plan", 7, b"[1,2,3]");
        // The newline at the end belongs to no record.
        for at in 0..(good.len() - 1) * 8 {
            let mut bytes = good.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert_eq!(decode("plan", &bytes), Err(Unreadable::Damaged), "bit {at}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let bytes = encode_version("plan", 2, 7, b"something else");
        assert_eq!(decode("plan", &bytes), Err(Unreadable::UnknownVersion(2)));
    }

    #[test]
    fn zeros_are_a_record_that_was_never_written() {
        assert_eq!(decode("plan", &[0; 64]), Err(Unreadable::Blank));
        assert_eq!(decode("plan", b""), Err(Unreadable::Blank));
    }
}
