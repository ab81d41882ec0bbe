//! Controllers of type bgp.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ControllerError;
use super::session::Sessions;
use crate::asn::Asn;

/// What a controller of type bgp needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct BgpController {
    /// The number of the autonomous system that the node is.
    pub asn: Asn,
    /// The routers around it; never empty.
    pub peers: BTreeSet<IpAddr>,
    /// Whether they are of other systems.
    pub external: bool,
    /// Whether paths by different systems of the same length are used at once.
    pub multipath_relax: bool,
    /// How sessions with them are kept.
    pub sessions: Sessions,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    asn: Asn,
    #[serde(default, skip_serializing_if = "is_no")]
    external: bool,
    peers: BTreeSet<IpAddr>,
    #[serde(default, skip_serializing_if = "Sessions::is_default")]
    sessions: Sessions,
    #[serde(default, skip_serializing_if = "is_no")]
    multipath_relax: bool,
}

// Serde hands out references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_no(value: &bool) -> bool {
    !*value
}

impl BgpController {
    /// A controller whose parts fit together.
    ///
    /// # Errors
    /// When it has no neighbor, or counts hops to neighbors inside its own system.
    pub fn checked(self) -> Result<Self, ControllerError> {
        if self.peers.is_empty() {
            return Err(ControllerError::NoPeers);
        }
        if self.sessions.multihop.is_some() && !self.external {
            return Err(ControllerError::HopsInside);
        }
        Ok(self)
    }
}

impl TryFrom<Form> for BgpController {
    type Error = ControllerError;

    fn try_from(form: Form) -> Result<Self, ControllerError> {
        Self {
            asn: form.asn,
            peers: form.peers,
            external: form.external,
            multipath_relax: form.multipath_relax,
            sessions: form.sessions,
        }
        .checked()
    }
}

impl From<BgpController> for Form {
    fn from(controller: BgpController) -> Self {
        Self {
            asn: controller.asn,
            external: controller.external,
            peers: controller.peers,
            sessions: controller.sessions,
            multipath_relax: controller.multipath_relax,
        }
    }
}
