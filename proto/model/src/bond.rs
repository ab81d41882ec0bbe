//! Bonds: several devices that act as one. The words are those of the kernel's bonding driver
//! (Documentation/networking/bonding.rst).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    (
        $(#[$doc:meta])* $type:ident, $error:ident, $what:literal,
        { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        #[doc = concat!("A text that is no ", $what, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("{:?} is not a {}: use one of {}", .0, $what, $type::words())]
        pub struct $error(pub String);

        impl $type {
            /// Every one, in the order of the kernel's numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that manifests, `ip` and the kernel's documentation write.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn words() -> String {
                let words: Vec<&str> = Self::ALL.iter().map(|it| it.as_str()).collect();
                words.join(", ")
            }
        }

        impl FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let mut all = Self::ALL.iter().copied();
                all.find(|it| it.as_str() == text)
                    .ok_or_else(|| $error(text.chars().take(80).collect()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(
    /// Which member of a bond a packet leaves by. The kernel's numbers are 0 to 6 in this order.
    BondMode, BondModeError, "bond mode",
    {
        /// One after the other.
        BalanceRr = "balance-rr",
        /// One member; another where that one fails.
        #[default]
        ActiveBackup = "active-backup",
        /// By a hash of the packet's addresses.
        BalanceXor = "balance-xor",
        /// All members.
        Broadcast = "broadcast",
        /// The members that the switch agrees on (LACP, IEEE 802.1AX, formerly 802.3ad).
        Lacp = "802.3ad",
        /// By the load of the members; what comes in does so by one.
        BalanceTlb = "balance-tlb",
        /// As balance-tlb, and what comes in is balanced by ARP answers.
        BalanceAlb = "balance-alb",
    }
);

words!(
    /// How often partners in LACP tell each other of themselves.
    LacpRate, LacpRateError, "LACP rate",
    {
        /// Every 30 seconds.
        #[default]
        Slow = "slow",
        /// Every second.
        Fast = "fast",
    }
);

words!(
    /// What of a packet chooses the member that it leaves by. The kernel's numbers are 0 to 5 in
    /// this order.
    XmitHashPolicy, XmitHashPolicyError, "hash policy",
    {
        /// The Ethernet addresses.
        #[default]
        Layer2 = "layer2",
        /// IP addresses and ports.
        Layer34 = "layer3+4",
        /// Ethernet and IP addresses.
        Layer23 = "layer2+3",
        /// As layer2+3, of the packet inside a tunnel.
        Encap23 = "encap2+3",
        /// As layer3+4, of the packet inside a tunnel.
        Encap34 = "encap3+4",
        /// The VLAN and the source's Ethernet address.
        VlanSrcmac = "vlan+srcmac",
    }
);

impl BondMode {
    /// Whether one member can be preferred to the others.
    pub fn has_primary(self) -> bool {
        matches!(
            self,
            Self::ActiveBackup | Self::BalanceTlb | Self::BalanceAlb
        )
    }

    /// Whether members speak LACP.
    pub fn has_lacp(self) -> bool {
        self == Self::Lacp
    }

    /// Whether a hash of the packet chooses the member.
    pub fn has_hash_policy(self) -> bool {
        matches!(self, Self::BalanceXor | Self::Lacp | Self::BalanceTlb)
    }
}

/// How often a bond looks whether its members have a link, in milliseconds: 1 to 60000.
///
/// The kernel takes 0 for never; then a member that fails loses packets for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct MiiMonitor(u32);

/// A number that is no such interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an interval for looking at links: use 1 to 60000 milliseconds")]
pub struct MiiMonitorError(pub u32);

impl MiiMonitor {
    /// The interval in milliseconds.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Whether this is the interval where nobody says.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for MiiMonitor {
    /// What the kernel's documentation advises: a tenth of a second.
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u32> for MiiMonitor {
    type Error = MiiMonitorError;

    fn try_from(value: u32) -> Result<Self, MiiMonitorError> {
        if (1..=60_000).contains(&value) {
            Ok(Self(value))
        } else {
            Err(MiiMonitorError(value))
        }
    }
}

impl From<MiiMonitor> for u32 {
    fn from(interval: MiiMonitor) -> Self {
        interval.0
    }
}

impl fmt::Display for MiiMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for mode in BondMode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(*mode));
        }
        assert_eq!(BondMode::ALL.len(), 7);
        for policy in XmitHashPolicy::ALL {
            let json = serde_json::to_string(policy).unwrap();
            assert_eq!(json, format!("\"{policy}\""));
            assert_eq!(
                serde_json::from_str::<XmitHashPolicy>(&json).unwrap(),
                *policy
            );
        }
    }

    #[test]
    fn a_word_that_is_none_is_told_what_would_be() {
        assert_eq!(
            "medium".parse::<LacpRate>().unwrap_err().to_string(),
            "\"medium\" is not a LACP rate: use one of slow, fast"
        );
        assert!("4".parse::<BondMode>().is_err());
        assert!(serde_json::from_str::<MiiMonitor>("0").is_err());
    }
}
