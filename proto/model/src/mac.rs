//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A unicast Ethernet address, never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

/// A text or number that is no unicast Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a unicast MAC address: write six pairs of hex digits with colons, \
     the first pair even, not all zero"
)]
pub struct MacError(pub String);

impl Mac {
    /// The six bytes in wire order.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// A locally administered unicast address made of `seed` (IEEE 802-2014, section 8.2.2).
    pub fn local(seed: [u8; 6]) -> Self {
        let mut octets = seed;
        octets[0] = (octets[0] & 0xfc) | 0x02;
        Self(octets)
    }
}

impl TryFrom<[u8; 6]> for Mac {
    type Error = MacError;

    fn try_from(octets: [u8; 6]) -> Result<Self, MacError> {
        let mac = Self(octets);
        if octets[0] & 1 == 1 || octets == [0; 6] {
            Err(MacError(mac.to_string()))
        } else {
            Ok(mac)
        }
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let refuse = || MacError(text.chars().take(80).collect());
        let mut octets = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut octets {
            let pair = pairs
                .next()
                .filter(|pair| pair.len() == 2)
                .ok_or_else(refuse)?;
            if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(refuse());
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
        }
        if pairs.next().is_some() {
            return Err(refuse());
        }
        Self::try_from(octets).map_err(|_| refuse())
    }
}

impl TryFrom<String> for Mac {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_six_pairs_and_unicast() {
        assert_eq!(
            "BC:24:11:00:00:01".parse::<Mac>().unwrap().to_string(),
            "bc:24:11:00:00:01"
        );
        for text in [
            "",
            "bc:24:11:0:0:1",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "+a:24:11:00:00:01",
            "bc:24:11:00:00:01:02",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_local_mac_is_unicast_and_locally_administered() {
        assert_eq!(Mac::local([0xff; 6]).octets()[0], 0xfe);
        assert_eq!(Mac::local([0; 6]).octets()[0], 0x02);
    }
}
