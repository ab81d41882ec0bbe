//! Rules that are asked in the order of their numbers, as FRR numbers those of its lists and maps.
//!
//! # Guarantees
//! A rule without a number comes after all that were added before it, with room left between for
//! others.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Why a rule cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError<N> {
    /// Another rule has the number.
    Twice(N),
    /// There is no number after the rules before.
    NoneLeft,
}

/// Adds a rule with this number, or with the next multiple of `step` after all others; says which
/// number it has.
pub(crate) fn add<N, R>(
    rules: &mut BTreeMap<N, R>,
    number: Option<N>,
    step: u32,
    rule: R,
) -> Result<N, NumberError<N>>
where
    N: Copy + Ord + Into<NonZeroU32> + TryFrom<NonZeroU32>,
{
    let last: Option<NonZeroU32> = rules.last_key_value().map(|(last, _)| (*last).into());
    let last = last.map_or(0, NonZeroU32::get);
    let next = || {
        let next = (last / step).checked_add(1)?.checked_mul(step)?;
        NonZeroU32::new(next)?.try_into().ok()
    };
    let number = number.or_else(next).ok_or(NumberError::NoneLeft)?;
    match rules.insert(number, rule) {
        None => Ok(number),
        Some(_) => Err(NumberError::Twice(number)),
    }
}
