//! The situation of a node for people.

use std::fmt::Write;

use weft_model::port::UdpPort;

use super::{Device, Situation, Translation};

impl Situation {
    /// The description for people: a paragraph a device, then the translations.
    pub fn text(&self) -> String {
        let mut text = format!("node {}\n", self.node);
        for (name, device) in &self.links {
            text.push('\n');
            device.describe(name, &mut text);
        }
        for translation in &self.snat {
            let Translation {
                source, out, to, ..
            } = translation;
            let out = out.as_deref().unwrap_or("the default route's device");
            // Writing to a String cannot fail.
            let _ = write!(text, "\nsource {source} out of {out} becomes {to}\n");
        }
        for (section, lines) in &self.frr {
            let _ = writeln!(text, "\nFRR {section}");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        if self.links.is_empty() && self.snat.is_empty() && self.frr.is_empty() {
            text.push_str("\nnothing of ours\n");
        }
        text
    }
}

impl Device {
    fn describe(&self, name: &str, text: &mut String) {
        let number = |it: Option<u32>| it.map(|it| it.to_string());
        let list = |it: &Option<Vec<String>>| {
            it.as_ref().map(|it| match it.as_slice() {
                [] => "none".to_owned(),
                some => some.join(" "),
            })
        };
        let some = |it: &[String]| (!it.is_empty()).then(|| it.join(" "));
        let forwards = match (self.ip_forward, self.ip6_forward) {
            (true, true) => Some("IPv4 and IPv6".to_owned()),
            (true, false) => Some("IPv4".to_owned()),
            (false, true) => Some("IPv6".to_owned()),
            (false, false) => None,
        };
        let is_vxlan = self.vni.is_some() || self.networks.is_some();
        let networks = self.networks.as_ref().map(|networks| {
            let each = networks.iter().map(|(vlan, vni)| format!("{vlan}={vni}"));
            each.collect::<Vec<_>>().join(" ")
        });
        let port = self.port.unwrap_or(UdpPort::VXLAN.get());
        let learning = if self.learning == Some(false) {
            "off"
        } else {
            "on"
        };
        let lines = [
            ("mtu", number(self.mtu)),
            ("mac", self.mac.clone()),
            ("alias", self.alias.clone()),
            ("also called", self.alternative_name.clone()),
            ("addresses", some(&self.addresses)),
            ("routing", self.vrf.clone()),
            ("table", number(self.table)),
            ("routes", some(&self.routes)),
            ("forwards", forwards),
            ("ports", list(&self.ports)),
            ("filters VLANs", self.vids.clone()),
            ("VLAN=VNI", networks),
            ("VLAN of", self.parent.clone()),
            ("VLAN", number(self.vlan_id.map(u32::from))),
            ("tag", self.protocol.clone()),
            ("joined to", self.peer.clone()),
            ("port of", self.ovs.as_ref().map(|it| it.ovs_bridge.clone())),
            (
                "options",
                self.ovs.as_ref().map(|it| it.ovs_options.clone()),
            ),
            ("vni", number(self.vni)),
            ("local", self.local.clone()),
            ("remotes", list(&self.remotes)),
            ("port", is_vxlan.then(|| port.to_string())),
            ("learning", is_vxlan.then(|| learning.to_owned())),
            (
                "answers ARP",
                self.neigh_suppress
                    .then(|| "for guests behind it".to_owned()),
            ),
            ("hears", self.arp_accept.then(|| "announcements".to_owned())),
            (
                "else",
                self.unreachable_default
                    .map(|drops| {
                        if drops {
                            "dropped"
                        } else {
                            "the node's own routes"
                        }
                    })
                    .map(str::to_owned),
            ),
            ("mode", self.mode.map(str::to_owned)),
            ("looks every", self.miimon.map(|it| format!("{it} ms"))),
            ("LACP rate", self.lacp_rate.map(str::to_owned)),
            ("hash policy", self.xmit_hash_policy.map(str::to_owned)),
            ("primary", self.primary.clone()),
            ("spanning tree", self.stp.map(|_| "on".to_owned())),
            (
                "forward delay",
                self.forward_delay.map(|it| format!("{it} s")),
            ),
            ("proxy ARP", self.proxy_arp.then(|| "on".to_owned())),
        ];
        let _ = writeln!(text, "{} {name}", self.kind);
        for (title, value) in lines {
            if let Some(value) = value {
                let _ = writeln!(text, "  {title:<13} {value}");
            }
        }
    }
}
