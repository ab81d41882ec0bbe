//! Fabrics: on each node a device that holds its addresses whatever card is up.

use weft_model::plan::link::{Link, LinkKind};
use weft_model::plan::{Entry, Origin};
use weft_model::prefix::{Family, InterfaceAddress};

use crate::intent::Routing;

/// The devices of a node's fabrics. Their interfaces are the host's.
pub(super) fn entries(routing: &Routing) -> impl Iterator<Item = Entry> {
    routing.fabrics.iter().map(|joined| {
        let origin = Origin::Fabric {
            fabric: joined.name.clone(),
        };
        let addresses = joined.addresses.iter();
        let addresses = addresses
            .filter_map(|it| InterfaceAddress::new(*it, Family::of(*it).host_length()))
            .collect();
        Entry::Link(Link {
            addresses,
            // Always said, so that one that was set for a while is taken back.
            mtu: Some(joined.mtu),
            ..Link::plain(joined.device.clone(), origin, LinkKind::Dummy)
        })
    })
}
