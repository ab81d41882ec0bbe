//! What the work on a device depends on besides the device itself.

use std::collections::BTreeSet;

use weft_model::prefix::Family;

use crate::loan::Loan;
use crate::route::Unreachable;
use crate::seen::Seen;

/// What a device's work depends on besides itself.
pub(crate) struct Around<'a> {
    /// The alias that it gets.
    pub alias: String,
    /// The number of its master.
    pub master: Option<u32>,
    /// Whether that is a bond, which takes only what is down.
    pub joins_bond: bool,
    /// Whether it is a port of a bond that it leaves, which sets it down.
    pub leaves_bond: bool,
    /// Of a bond, the number of the device that is used while it works.
    pub primary: Option<u32>,
    /// Whether the whole host forwards IPv4, and a new device of it with it.
    pub forwards: bool,
    /// What it gets back, where it is a device of the host.
    pub loan: Option<&'a Loan>,
    /// The table that its routes are in.
    pub table: u32,
    /// Where it is in the routing: in which domain, and whether that changes.
    pub domain: Domain,
    /// What the kernel can do.
    pub kernel: Able,
    /// The routes of ours by which tables drop what no other route of them is for.
    pub unreachable: &'a BTreeSet<Unreachable>,
}

/// Whether a device is in a routing domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// In none.
    Outside,
    /// In one that it stays in.
    Stays,
    /// It comes into one: a kernel sets it down and up again for that.
    Comes,
    /// It leaves one, with the same effect.
    Leaves,
}

impl Domain {
    /// Whether a device that is up goes down for a moment, and loses what a kernel takes away then.
    pub(super) fn changes(self) -> bool {
        matches!(self, Self::Comes | Self::Leaves)
    }

    /// Whether its master is a routing domain.
    pub(super) fn is_inside(self) -> bool {
        matches!(self, Self::Stays | Self::Comes)
    }
}

/// What depends on the kernel alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Able {
    /// It has IPv6.
    pub ipv6: bool,
    /// It can know who announces itself unasked over IPv6.
    pub untracked: bool,
}

impl Able {
    /// What this kernel can do.
    pub fn of(seen: &Seen) -> Self {
        Self {
            ipv6: seen.has_ipv6(),
            untracked: seen.can_accept_untracked(),
        }
    }

    pub(super) fn families(self) -> impl Iterator<Item = Family> {
        let all = [Family::Ipv4, Family::Ipv6].into_iter();
        all.filter(move |family| self.ipv6 || *family == Family::Ipv4)
    }
}
