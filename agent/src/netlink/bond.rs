//! Bonds, as messages write and say them.

use weft_model::bond::{BondMode, LacpRate, XmitHashPolicy};
use weft_node::seen::SeenBond;
use weft_node::settings::BondSettings;

use super::bytes::{Message, attributes, read_u32};
use super::number::{
    IFLA_BOND_AD_LACP_RATE, IFLA_BOND_MIIMON, IFLA_BOND_MODE, IFLA_BOND_PRIMARY,
    IFLA_BOND_XMIT_HASH_POLICY,
};

/// What changes of how a bond chooses among its devices.
pub(super) fn put(data: &mut Message, settings: &BondSettings) {
    let BondSettings {
        mode,
        miimon,
        lacp_rate,
        xmit_hash_policy,
        primary,
    } = settings;
    let words = [
        (
            IFLA_BOND_MODE,
            mode.and_then(|it| number(BondMode::ALL, it)),
        ),
        (
            IFLA_BOND_XMIT_HASH_POLICY,
            xmit_hash_policy.and_then(|it| number(XmitHashPolicy::ALL, it)),
        ),
        (
            IFLA_BOND_AD_LACP_RATE,
            lacp_rate.and_then(|it| number(LacpRate::ALL, it)),
        ),
    ];
    for (kind, word) in words {
        if let Some(word) = word {
            data.put(kind, &[word]);
        }
    }
    for (kind, value) in [(IFLA_BOND_MIIMON, miimon), (IFLA_BOND_PRIMARY, primary)] {
        if let Some(value) = value {
            data.put_u32(kind, *value);
        }
    }
}

/// The kernel's number of a word: its place among all.
fn number<T: Copy + PartialEq>(all: &[T], word: T) -> Option<u8> {
    let place = all.iter().position(|it| *it == word)?;
    u8::try_from(place).ok()
}

/// How a bond chooses among its devices.
pub(super) fn read(data: &[u8]) -> SeenBond {
    fn word<T: Copy>(all: &[T], value: &[u8]) -> Option<T> {
        value
            .first()
            .and_then(|number| all.get(usize::from(*number)))
            .copied()
    }
    let mut bond = SeenBond::default();
    for (kind, value) in attributes(data, 0) {
        match kind {
            IFLA_BOND_MODE => bond.mode = word(BondMode::ALL, value).unwrap_or_default(),
            IFLA_BOND_MIIMON => bond.miimon = read_u32(value, 0).unwrap_or_default(),
            IFLA_BOND_XMIT_HASH_POLICY => {
                bond.xmit_hash_policy = word(XmitHashPolicy::ALL, value);
            }
            IFLA_BOND_AD_LACP_RATE => {
                bond.lacp_rate = word(LacpRate::ALL, value).unwrap_or_default();
            }
            IFLA_BOND_PRIMARY => bond.primary = read_u32(value, 0).filter(|index| *index != 0),
            _ => {}
        }
    }
    bond
}
