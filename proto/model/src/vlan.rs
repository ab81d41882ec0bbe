//! VLAN identifiers, sets of them, and the two kinds of VLAN tag.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A VLAN identifier that may be put on a frame: 1 to 4094 (IEEE 802.1Q-2018, table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct VlanId(NonZeroU16);

/// 4095 is reserved.
const LAST: NonZeroU16 = match NonZeroU16::new(4094) {
    Some(last) => last,
    None => NonZeroU16::MIN,
};

/// A number that is no VLAN identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a VLAN id: use 1 to 4094")]
pub struct VlanIdError(pub u32);

impl VlanId {
    /// The first and the last.
    pub const ENDS: [Self; 2] = [Self(NonZeroU16::MIN), Self(LAST)];

    /// The identifier as a number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u32> for VlanId {
    type Error = VlanIdError;

    fn try_from(value: u32) -> Result<Self, VlanIdError> {
        u16::try_from(value)
            .ok()
            .filter(|id| *id <= 4094)
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or(VlanIdError(value))
    }
}

impl From<VlanId> for u32 {
    fn from(id: VlanId) -> Self {
        id.get().into()
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which tag a VLAN is marked with on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum VlanProtocol {
    /// A customer tag, `EtherType` 0x8100.
    #[default]
    #[serde(rename = "802.1q")]
    Dot1q,
    /// A service tag, `EtherType` 0x88a8.
    #[serde(rename = "802.1ad")]
    Dot1ad,
}

/// A text that names no VLAN protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a VLAN protocol: use 802.1q or 802.1ad")]
pub struct VlanProtocolError(pub String);

impl VlanProtocol {
    /// The protocol as manifests and `ip` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dot1q => "802.1q",
            Self::Dot1ad => "802.1ad",
        }
    }

    /// Whether this is what a protocol is where nobody says.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for VlanProtocol {
    type Err = VlanProtocolError;

    fn from_str(text: &str) -> Result<Self, VlanProtocolError> {
        [Self::Dot1q, Self::Dot1ad]
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
            .ok_or_else(|| VlanProtocolError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for VlanProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a bridge treats VLANs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum BridgeVlans {
    /// It does not look at tags.
    #[default]
    Ignored,
    /// It filters VLANs by these tags.
    Filtered(VlanProtocol),
    /// It is Open vSwitch's: every port says which VLANs it has.
    OpenVswitch,
}

/// A text that does not say how a bridge treats VLANs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way to treat VLANs: use 802.1q, 802.1ad, openvswitch or nothing")]
pub struct BridgeVlansError(pub String);

impl BridgeVlans {
    /// The way as facts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "",
            Self::Filtered(protocol) => protocol.as_str(),
            Self::OpenVswitch => "openvswitch",
        }
    }

    /// Whether it is a bridge that does not look at tags.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for BridgeVlans {
    type Err = BridgeVlansError;

    fn from_str(text: &str) -> Result<Self, BridgeVlansError> {
        match text {
            "" => Ok(Self::Ignored),
            "openvswitch" => Ok(Self::OpenVswitch),
            protocol => protocol
                .parse()
                .map(Self::Filtered)
                .map_err(|_| BridgeVlansError(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for BridgeVlans {
    type Error = BridgeVlansError;

    fn try_from(text: String) -> Result<Self, BridgeVlansError> {
        text.parse()
    }
}

impl From<BridgeVlans> for String {
    fn from(way: BridgeVlans) -> Self {
        way.as_str().to_owned()
    }
}

impl fmt::Display for BridgeVlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of VLANs, as a list of ranges that neither overlap nor touch: `2-99,101`.
///
/// A bridge's port that carries all VLANs has one range and not four thousand entries, in memory,
/// on the wire and in messages to the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VlanSet(Vec<(VlanId, VlanId)>);

/// A text that is no set of VLANs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a set of VLANs: write numbers from 1 to 4094 and ranges, as in 2-99,101")]
pub struct VlanSetError(pub String);

impl VlanSet {
    /// The VLANs from `first` to `last`, none where `last` is less.
    pub fn range(first: VlanId, last: VlanId) -> Self {
        std::iter::once((first, last)).collect()
    }

    /// The ranges, in ascending order.
    pub fn ranges(&self) -> &[(VlanId, VlanId)] {
        &self.0
    }

    /// Whether no VLAN is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the VLAN is in the set.
    pub fn contains(&self, id: VlanId) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= id);
        let range = after.checked_sub(1).and_then(|at| self.0.get(at));
        range.is_some_and(|(_, last)| id <= *last)
    }

    /// Puts a VLAN in.
    pub fn insert(&mut self, id: VlanId) {
        if !self.contains(id) {
            *self = self.0.iter().copied().chain([(id, id)]).collect();
        }
    }

    /// Every VLAN, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = VlanId> {
        let numbers = |(first, last): &(VlanId, VlanId)| first.get()..=last.get();
        let all = self.0.iter().flat_map(numbers);
        all.filter_map(|number| VlanId::try_from(u32::from(number)).ok())
    }

    /// The VLANs of this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for (first, last) in &self.0 {
            let (mut from, to) = (first.get(), last.get());
            for (cut, end) in &other.0 {
                if end.get() < from || cut.get() > to {
                    continue;
                }
                left.extend(span(from, cut.get() - 1));
                from = end.get() + 1;
            }
            left.extend(span(from, to));
        }
        Self(left)
    }
}

/// The range between two numbers, where there is one.
fn span(first: u16, last: u16) -> Option<(VlanId, VlanId)> {
    let ends = (
        VlanId::try_from(u32::from(first)),
        VlanId::try_from(u32::from(last)),
    );
    match ends {
        (Ok(first), Ok(last)) if first <= last => Some((first, last)),
        _ => None,
    }
}

impl FromIterator<(VlanId, VlanId)> for VlanSet {
    fn from_iter<I: IntoIterator<Item = (VlanId, VlanId)>>(ranges: I) -> Self {
        let mut all: Vec<_> = ranges.into_iter().filter(|(a, b)| a <= b).collect();
        all.sort_unstable();
        let mut joined: Vec<(VlanId, VlanId)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match joined.last_mut() {
                Some(before) if first.get() <= before.1.get() + 1 => {
                    before.1 = before.1.max(last);
                }
                Some(_) | None => joined.push((first, last)),
            }
        }
        Self(joined)
    }
}

impl FromIterator<VlanId> for VlanSet {
    fn from_iter<I: IntoIterator<Item = VlanId>>(ids: I) -> Self {
        ids.into_iter().map(|id| (id, id)).collect()
    }
}

impl FromStr for VlanSet {
    type Err = VlanSetError;

    fn from_str(text: &str) -> Result<Self, VlanSetError> {
        let invalid = || VlanSetError(text.chars().take(80).collect());
        let id = |text: &str| {
            let number = text.trim().parse::<u32>().map_err(|_| invalid())?;
            VlanId::try_from(number).map_err(|_| invalid())
        };
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        parts
            .map(|part| match part.split_once('-') {
                None => id(part).map(|id| (id, id)),
                Some((first, last)) => match (id(first)?, id(last)?) {
                    (first, last) if first <= last => Ok((first, last)),
                    _ => Err(invalid()),
                },
            })
            .collect()
    }
}

impl TryFrom<String> for VlanSet {
    type Error = VlanSetError;

    fn try_from(text: String) -> Result<Self, VlanSetError> {
        text.parse()
    }
}

impl From<VlanSet> for String {
    fn from(set: VlanSet) -> Self {
        set.to_string()
    }
}

impl fmt::Display for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{first}")?;
            if first != last {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> VlanSet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        for (text, written) in [
            ("", ""),
            ("7", "7"),
            ("2-4094", "2-4094"),
            ("5, 3,4,9-12,11-20,1", "1,3-5,9-20"),
        ] {
            assert_eq!(set(text).to_string(), written, "{text}");
        }
        for text in ["0", "4095", "9-2", "a", "1-", "1--2", "1-2-3"] {
            assert!(text.parse::<VlanSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_one_set_has_and_another_lacks() {
        for (one, other, left) in [
            ("2-4094", "", "2-4094"),
            ("2-4094", "1-4094", ""),
            ("1-10", "1,5-6,10-20", "2-4,7-9"),
            ("3,7", "7", "3"),
            ("1-3", "4094", "1-3"),
        ] {
            assert_eq!(set(one).without(&set(other)), set(left), "{one} - {other}");
        }
    }

    #[test]
    fn a_vlan_is_put_in_once() {
        let mut vlans = set("2-4,6");
        for id in [5, 5, 3] {
            vlans.insert(VlanId::try_from(id).unwrap());
        }
        assert_eq!(vlans, set("2-6"));
        assert!(vlans.contains(VlanId::try_from(6).unwrap()));
        assert!(!vlans.contains(VlanId::try_from(7).unwrap()));
    }

    #[test]
    fn a_vlan_id_is_1_to_4094() {
        for (value, valid) in [
            (0, false),
            (1, true),
            (4094, true),
            (4095, false),
            (65_537, false),
        ] {
            assert_eq!(VlanId::try_from(value).is_ok(), valid, "{value}");
        }
    }
}
