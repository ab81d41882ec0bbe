//! What a device of the host gets back when nothing of ours needs it any more.
//!
//! # Guarantees
//! A loan names only what we changed, as it was before we did. It is noted before the first change
//! that it speaks of, and forgotten after the last that gives back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weft_model::plan::link::Vlans;
use weft_model::prefix::InterfaceAddress;

use crate::route::SeenRoute;
use crate::settings::{Ipv6Switch, Settings};

/// What a device of the host was before, as far as we changed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Loan {
    /// Its properties.
    pub before: Settings,
    /// Its IPv6 switches.
    pub switches: BTreeMap<Ipv6Switch, bool>,
    /// The VLANs that it carried as a port.
    pub vlans: Option<Vlans>,
    /// Addresses that it got from us.
    pub given: BTreeSet<InterfaceAddress>,
    /// Addresses of its own that it had to give up.
    pub taken: BTreeSet<InterfaceAddress>,
    /// Routes of others that it had to give up.
    pub routes: BTreeSet<SeenRoute>,
}
