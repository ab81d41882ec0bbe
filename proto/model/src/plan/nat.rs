//! A source translation.

use serde::{Deserialize, Serialize};

use crate::name::LinkName;
use crate::object::subnet::Snat;
use crate::plan::Origin;
use crate::prefix::Prefix;

/// Packets from `source` that leave by a device other than `inside` get another source address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nat {
    /// The objects that it is there for.
    pub origin: Origin,
    /// The network whose packets are translated.
    pub source: Prefix,
    /// The vnet's device: packets that leave by it stay as they are.
    pub inside: LinkName,
    /// What the source address becomes; always of the family of `source`.
    pub to: Snat,
}
