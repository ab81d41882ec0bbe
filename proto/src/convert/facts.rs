//! Facts on the wire.

use std::collections::BTreeMap;

use weft_model::facts::{BridgeFacts, DeviceType, Facts, FrrFacts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::prefix::Family;

use super::fields::{Fields, Invalid};
use crate::v1;

impl From<&Facts> for v1::Facts {
    fn from(facts: &Facts) -> Self {
        let links = facts.links.iter().map(|(name, link)| v1::LinkFacts {
            name: name.to_string(),
            mtu: link.mtu.map(u32::from),
            addresses: link.addresses.iter().map(ToString::to_string).collect(),
        });
        let bridges = facts.bridges.iter().map(|(name, bridge)| v1::BridgeFacts {
            name: name.to_string(),
            vlans: bridge.vlans.to_string(),
            mtu: bridge.mtu.map(u32::from),
            uplinks: bridge.uplinks.iter().map(ToString::to_string).collect(),
        });
        let frr = facts.frr.as_ref().map(|frr| v1::FrrFacts {
            version: frr.version.to_string(),
            daemons: frr.daemons.iter().map(ToString::to_string).collect(),
        });
        let text = |value: Option<String>| value.unwrap_or_default();
        Self {
            kernel: facts.kernel.to_string(),
            agent: facts.agent.to_string(),
            device_types: facts.device_types.iter().map(ToString::to_string).collect(),
            links: links.collect(),
            default_ipv4: text(facts.default_ipv4.as_ref().map(ToString::to_string)),
            default_ipv6: text(facts.default_ipv6.as_ref().map(ToString::to_string)),
            forwarding_ipv4: facts.forwarding.contains(&Family::Ipv4),
            forwarding_ipv6: facts.forwarding.contains(&Family::Ipv6),
            nft: text(facts.nft.as_ref().map(ToString::to_string)),
            bridges: bridges.collect(),
            frr,
        }
    }
}

impl TryFrom<&v1::Facts> for Facts {
    type Error = Invalid;

    fn try_from(wire: &v1::Facts) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let kernel = fields.text("kernel", &wire.kernel);
        let agent = fields.text("agent", &wire.agent);
        let mut links = BTreeMap::new();
        for (at, link) in wire.links.iter().enumerate() {
            let name = fields.text(&format!("links[{at}].name"), &link.name);
            let addresses = fields.texts(&format!("links[{at}].addresses"), &link.addresses);
            let mtu = link.mtu.and_then(|mtu| Mtu::try_from(mtu).ok());
            links.extend(name.map(|name| (name, LinkFacts { mtu, addresses })));
        }
        let mut bridges = BTreeMap::new();
        for (at, bridge) in wire.bridges.iter().enumerate() {
            let name = fields.text(&format!("bridges[{at}].name"), &bridge.name);
            let vlans = fields.text(&format!("bridges[{at}].vlans"), &bridge.vlans);
            let uplinks = fields.texts(&format!("bridges[{at}].uplinks"), &bridge.uplinks);
            let mtu = bridge.mtu.and_then(|mtu| Mtu::try_from(mtu).ok());
            bridges.extend(name.zip(vlans).map(|(name, vlans)| {
                (
                    name,
                    BridgeFacts {
                        vlans,
                        mtu,
                        uplinks,
                    },
                )
            }));
        }
        // A newer agent may know types that this controller does not; they are of no use here.
        let known = |kind: &DeviceType| wire.device_types.iter().any(|name| name == kind.as_str());
        let device_types = DeviceType::ALL.into_iter().filter(known).collect();
        let default_ipv4 = fields.maybe_text("default_ipv4", &wire.default_ipv4);
        let default_ipv6 = fields.maybe_text("default_ipv6", &wire.default_ipv6);
        let nft = fields.maybe_text("nft", &wire.nft);
        let frr = wire.frr.as_ref().map(|frr| {
            let version = fields.text("frr.version", &frr.version);
            let daemons = fields.texts("frr.daemons", &frr.daemons);
            version.map(|version| FrrFacts { version, daemons })
        });
        let forwarding = [
            (wire.forwarding_ipv4, Family::Ipv4),
            (wire.forwarding_ipv6, Family::Ipv6),
        ];
        let forwarding = forwarding
            .into_iter()
            .filter_map(|(on, family)| on.then_some(family));
        let value = (|| {
            Some(Self {
                kernel: kernel?,
                agent: agent?,
                device_types,
                links,
                bridges,
                default_ipv4: default_ipv4?,
                default_ipv6: default_ipv6?,
                forwarding: forwarding.collect(),
                nft: nft?,
                frr: frr.flatten(),
            })
        })();
        fields.finish(value)
    }
}
