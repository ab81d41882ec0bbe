//! The digest of a plan: equal digests mean equal plans.
//!
//! # Guarantees
//! The digest of a plan is the sum of the digests of its entries, modulo 2^256, so that changing
//! one entry among thousands costs one subtraction and one addition (the AdHash construction,
//! Bellare and Micciancio 1997). It is a check against loss and mistakes, not a signature.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 256 bits that stand for a plan or for one entry of it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text or byte string that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest: 64 lower-case hex digits")]
pub struct DigestError(pub String);

impl Digest {
    /// The digest of the plan that has no entries.
    pub const EMPTY: Self = Self([0; 32]);

    /// The digest with these bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of the plan with one entry more.
    #[must_use]
    pub fn with(mut self, entry: Self) -> Self {
        let mut carry = 0u16;
        for (sum, add) in self.0.iter_mut().zip(entry.0).rev() {
            let total = u16::from(*sum) + u16::from(add) + carry;
            *sum = (total & 0xff) as u8;
            carry = total >> 8;
        }
        self
    }

    /// The digest of the plan with one entry less.
    #[must_use]
    pub fn without(self, entry: Self) -> Self {
        let mut one = [0; 32];
        one[31] = 1;
        let complement = Self(entry.0.map(|byte| !byte));
        self.with(complement).with(Self(one))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        let valid = text.len() == 64
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && bytes
                .iter_mut()
                .zip(text.as_bytes().chunks_exact(2))
                .all(|(byte, pair)| {
                    std::str::from_utf8(pair)
                        .ok()
                        .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                        .map(|value| *byte = value)
                        .is_some()
                });
        if valid {
            Ok(Self(bytes))
        } else {
            Err(DigestError(text))
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn taking_out_is_the_reverse_of_putting_in(plan: [u8; 32], entry: [u8; 32]) {
            let (plan, entry) = (Digest(plan), Digest(entry));
            prop_assert_eq!(plan.with(entry).without(entry), plan);
        }

        #[test]
        fn the_order_of_entries_does_not_matter(a: [u8; 32], b: [u8; 32]) {
            let (a, b) = (Digest(a), Digest(b));
            prop_assert_eq!(Digest::EMPTY.with(a).with(b), Digest::EMPTY.with(b).with(a));
        }

        #[test]
        fn a_digest_is_written_as_it_is_read(bytes: [u8; 32]) {
            let digest = Digest(bytes);
            prop_assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        }
    }
}
