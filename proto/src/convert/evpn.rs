//! Zones of type evpn and their route targets on the wire.

use weft_model::object::targets::RouteTargets;
use weft_model::object::zone::{EvpnZone, Exits, Layout};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;

use super::fields::{Fields, Invalid};
use crate::v1;

impl From<&EvpnZone> for v1::EvpnZone {
    fn from(zone: &EvpnZone) -> Self {
        Self {
            vrf_vni: zone.vrf_vni.into(),
            controllers: zone.controllers.iter().map(ToString::to_string).collect(),
            mac: zone.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            exits: zone.exits.as_ref().map(Into::into),
            advertise_subnets: Some(zone.advertise_subnets),
            suppression: Some(zone.suppression),
            mac_learning: Some(zone.mac_learning),
            distinguisher: zone
                .distinguisher
                .map(|it| it.to_string())
                .unwrap_or_default(),
            targets: targets_to_wire(&zone.targets),
            port: Some(zone.port.into()),
            underlay: match zone.underlay {
                Family::Ipv4 => "ipv4".to_owned(),
                Family::Ipv6 => "ipv6".to_owned(),
            },
        }
    }
}

impl TryFrom<&v1::EvpnZone> for EvpnZone {
    type Error = Invalid;

    fn try_from(wire: &v1::EvpnZone) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let vrf_vni = fields.maybe_number("vrfVni", Some(wire.vrf_vni)).flatten();
        let names = fields.texts("controllers", &wire.controllers);
        let controllers = fields.keep("controllers", Self::controllers(names));
        let mac = fields.maybe_text("mac", &wire.mac);
        let exits = match &wire.exits {
            None => Some(None),
            Some(exits) => fields.within("exits", Exits::try_from(exits)).map(Some),
        };
        let distinguisher = fields.maybe_text("distinguisher", &wire.distinguisher);
        let targets = fields.within("targets", targets(wire.targets.as_ref()));
        let port = fields.maybe_number("port", wire.port);
        let underlay = match wire.underlay.as_str() {
            "" | "ipv4" => Some(Family::Ipv4),
            "ipv6" => Some(Family::Ipv6),
            other => {
                let problem = format!("{other:?} is not a family: use ipv4 or ipv6");
                fields.refuse("underlay", problem);
                None
            }
        };
        let value = (|| {
            Some(Self {
                vrf_vni: vrf_vni?,
                controllers: controllers?,
                mac: mac?,
                exits: exits?,
                advertise_subnets: wire.advertise_subnets.unwrap_or(false),
                suppression: wire.suppression.unwrap_or(true),
                mac_learning: wire.mac_learning.unwrap_or(true),
                distinguisher: distinguisher?,
                targets: targets?,
                port: port?.unwrap_or(UdpPort::VXLAN),
                underlay: underlay?,
                layout: Layout::default(),
            })
        })();
        fields.finish(value)
    }
}

impl From<&Exits> for v1::Exits {
    fn from(exits: &Exits) -> Self {
        Self {
            nodes: exits.nodes.iter().map(ToString::to_string).collect(),
            primary: exits
                .primary
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            local_routing: Some(exits.local_routing),
        }
    }
}

impl TryFrom<&v1::Exits> for Exits {
    type Error = Invalid;

    fn try_from(wire: &v1::Exits) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let nodes = fields.texts("nodes", &wire.nodes);
        let primary = fields.maybe_text("primary", &wire.primary);
        let local_routing = wire.local_routing.unwrap_or(false);
        let exits = primary.map(|primary| Self::new(nodes, primary, local_routing));
        let value = exits.and_then(|exits| fields.keep("nodes", exits));
        fields.finish(value)
    }
}

/// Route targets, where there are any.
pub(super) fn targets_to_wire(targets: &RouteTargets) -> Option<v1::RouteTargets> {
    let wire = || v1::RouteTargets {
        import: targets.import.iter().map(ToString::to_string).collect(),
        export: targets.export.iter().map(ToString::to_string).collect(),
    };
    (!targets.is_empty()).then(wire)
}

/// Reads route targets.
///
/// # Errors
/// Names every one that is none.
pub(super) fn targets(wire: Option<&v1::RouteTargets>) -> Result<RouteTargets, Invalid> {
    let Some(wire) = wire else {
        return Ok(RouteTargets::default());
    };
    let mut fields = Fields::default();
    let import = fields.texts("import", &wire.import);
    let export = fields.texts("export", &wire.export);
    fields.finish(Some(RouteTargets { import, export }))
}
