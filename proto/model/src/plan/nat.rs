//! A source translation.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::LinkName;
use crate::object::subnet::Snat;
use crate::plan::Origin;
use crate::prefix::Prefix;

/// Packets from `source` that leave by one of `outside`, or else by a device other than `inside`, get
/// another source address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nat {
    /// The objects that it is there for.
    pub origin: Origin,
    /// The network whose packets are translated.
    pub source: Prefix,
    /// The vnet's device: packets that leave by it stay as they are.
    pub inside: LinkName,
    /// The devices by which packets leave translated; empty: all but `inside`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outside: BTreeSet<LinkName>,
    /// What the source address becomes; always of the family of `source`.
    pub to: Snat,
}
