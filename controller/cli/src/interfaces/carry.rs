//! An `interfaces` file carried over as a host network.
//!
//! # Guarantees
//! Every line is carried over, or has no meaning for what a node is, or has a note that says where it
//! stands and why it is not carried over.

use std::collections::BTreeMap;

use weft_model::name::{HostNetworkName, LinkName, NodeName};
use weft_model::object::drift::DriftPolicy;
use weft_model::object::host_network::{HostNetworkSpec, Interface, InterfaceKind, Masquerade};
use weft_model::object::selector::NodeSelector;
use weft_model::object::{Declared, HostNetwork, Labels, Metadata};
use weft_model::prefix::Family;

use super::device::Device;
use super::shell::{self, Deed, Turn};
use super::stanza::{Choice, Spot, Stanza, Stanzas};

/// What was carried over.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The host network; none where nothing could be carried over.
    pub host: Option<HostNetwork>,
    /// What was not carried over, and why; one line each.
    pub notes: Vec<String>,
}

/// Carries the interfaces of a node over.
pub fn carry(stanzas: Stanzas, node: &NodeName, name: HostNetworkName) -> Carried {
    let mut work = Work {
        notes: stanzas.notes,
        ..Work::default()
    };
    for stanza in &stanzas.all {
        work.stanza(stanza);
    }
    work.tell_of_manual(&stanzas.auto);
    work.masters();
    work.commands();
    let interfaces = work.finish();
    work.notes.sort();
    let notes = work.notes.iter();
    let notes = notes
        .map(|(spot, text)| format!("{spot}: {text}"))
        .collect();
    let host = (!interfaces.is_empty()).then(|| Declared {
        metadata: Metadata {
            name,
            labels: Labels::new(),
        },
        spec: HostNetworkSpec {
            nodes: NodeSelector::Names([node.clone()].into()),
            drift: DriftPolicy::default(),
            interfaces,
        },
    });
    Carried { host, notes }
}

#[derive(Default)]
struct Work {
    devices: BTreeMap<LinkName, Device>,
    /// The commands of every interface.
    commands: Vec<(LinkName, Choice)>,
    notes: Vec<(Spot, String)>,
}

impl Work {
    fn stanza(&mut self, stanza: &Stanza) {
        // An address of its own under a name of its own: `eth0:1`.
        let name = stanza.name.split(':').next().unwrap_or_default();
        let name = match name.parse::<LinkName>() {
            Ok(name) => name,
            Err(error) => return self.refuse(stanza, &error.to_string()),
        };
        match stanza.method.as_deref() {
            None | Some("static" | "manual") => {}
            Some("loopback") => {
                if stanza.choices.is_empty() {
                    return;
                }
            }
            Some(method @ ("dhcp" | "auto" | "bootp" | "ipv4ll")) => {
                let text = format!(
                    "{name}: addresses by {method}: not carried over: a host network has static \
                     addresses; what the node's own program sets stays"
                );
                self.notes.push((stanza.spot.clone(), text));
                let device = self.devices.entry(name.clone()).or_default();
                device.by_program = true;
            }
            Some(method @ ("tunnel" | "6to4" | "v4tunnel" | "ppp" | "wvdial")) => {
                let why = format!("interfaces of type {method} are no part of a host network");
                return self.refuse(stanza, &why);
            }
            Some(method) => {
                let text = format!("{name}: method {method} is not known: taken as manual");
                self.notes.push((stanza.spot.clone(), text));
            }
        }
        if let Some(family) = &stanza.family
            && family != "inet"
            && family != "inet6"
        {
            let why = format!("family {family} is no part of a host network");
            return self.refuse(stanza, &why);
        }
        let device = self.devices.entry(name.clone()).or_default();
        let commands = device.take(stanza, &mut self.notes);
        let commands = commands.into_iter().map(|it| (name.clone(), it));
        self.commands.extend(commands);
    }

    /// Tells of a whole stanza that is not carried over, line by line.
    fn refuse(&mut self, stanza: &Stanza, why: &str) {
        let text = format!("{}: not carried over: {why}", stanza.name);
        self.notes.push((stanza.spot.clone(), text));
        for choice in &stanza.choices {
            let text = format!(
                "{} {}: not carried over with {}",
                choice.name, choice.value, stanza.name
            );
            self.notes.push((choice.spot.clone(), text));
        }
    }

    /// What is not brought up at boot there is up here.
    fn tell_of_manual(&mut self, auto: &std::collections::BTreeSet<String>) {
        let parts: Vec<LinkName> = self
            .devices
            .iter()
            .filter_map(|(name, device)| device.clone().finish(name).ok())
            .flat_map(|it| it.kind.parts().into_iter().cloned().collect::<Vec<_>>())
            .collect();
        for (name, device) in &self.devices {
            let is_plain = device.interface == Interface::default();
            if let Some(spot) = &device.spot
                && !is_plain
                && !auto.contains(name.as_str())
                && !parts.contains(name)
            {
                let text = format!("{name}: not brought up at boot there: here it is always up");
                self.notes.push((spot.clone(), text));
            }
        }
    }

    /// Members that name their bond, instead of being named by it.
    fn masters(&mut self) {
        let masters: Vec<(LinkName, LinkName, Option<Spot>)> = self
            .devices
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), it.master.clone()?, it.spot.clone())))
            .collect();
        for (name, master, spot) in masters {
            let bond = self.devices.get_mut(&master);
            match bond.and_then(Device::members) {
                Some(members) => {
                    members.insert(name);
                }
                None => {
                    let text = format!("bond-master {master}: not carried over: it is no bond");
                    self.notes.extend(spot.map(|spot| (spot, text)));
                }
            }
        }
    }

    fn commands(&mut self) {
        let commands = std::mem::take(&mut self.commands);
        let mut done: Vec<Deed> = Vec::new();
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for (name, choice) in commands {
            let is_up = choice.name.ends_with("up");
            match shell::read(&choice.value, name.as_str()) {
                Some((Turn::On, deed)) if is_up => ups.push((name, choice, deed)),
                Some((Turn::Off, deed)) if !is_up => downs.push((choice, deed)),
                Some(_) | None => {
                    let why = "a host network runs no commands";
                    self.leave(&choice, why);
                }
            }
        }
        for (name, choice, deed) in ups {
            match self.deed(&name, &deed) {
                Ok(()) => done.push(deed),
                Err(why) => self.leave(&choice, &why),
            }
        }
        for (choice, deed) in downs {
            // What was carried over goes with the host network.
            let goes = done.contains(&deed) || deed == Deed::Nothing;
            if !goes {
                self.leave(&choice, "it takes back what is not carried over");
            }
        }
    }

    fn leave(&mut self, choice: &Choice, why: &str) {
        let text = format!("{} {}: not carried over: {why}", choice.name, choice.value);
        self.notes.push((choice.spot.clone(), text));
    }

    /// What is said of an interface of the file.
    fn interface(&mut self, name: &LinkName) -> Result<&mut Interface, String> {
        match self.devices.get_mut(name) {
            Some(device) => Ok(&mut device.interface),
            None => Err(format!("{name} is not in the file")),
        }
    }

    /// Carries over what a command of an interface does.
    fn deed(&mut self, of: &LinkName, deed: &Deed) -> Result<(), String> {
        match deed {
            Deed::Nothing => {}
            Deed::ProxyArp(name) => self.interface(name)?.proxy_arp = true,
            Deed::Forward(family, Some(name)) => {
                self.interface(name)?.forward.insert(*family);
            }
            Deed::Forward(family, None) => {
                for device in self.devices.values_mut() {
                    let own = &mut device.interface;
                    if own.addresses.iter().any(|it| it.family() == *family) {
                        own.forward.insert(*family);
                    }
                }
            }
            Deed::Masquerade(source, out) => {
                // It may stand at the interface that leads outside; it is of the one inside.
                let inside = self.devices.iter().find_map(|(name, device)| {
                    let mut networks = device.interface.addresses.iter().map(|it| it.network());
                    let is_inside = networks.any(|network| network.overlaps(*source));
                    (is_inside && out.as_ref() != Some(name)).then(|| name.clone())
                });
                let Some(inside) =
                    inside.or_else(|| (out.as_ref() != Some(of)).then(|| of.clone()))
                else {
                    return Err(format!("no interface is in {source}"));
                };
                let masquerade = Masquerade {
                    source: *source,
                    out: out.iter().cloned().collect(),
                };
                let device = self.devices.entry(inside).or_default();
                device.interface.masquerade.insert(masquerade);
            }
            Deed::Route(route, device) => {
                if route
                    .via
                    .is_some_and(|via| Family::of(via) != route.to.family())
                {
                    return Err("its neighbor is of the other family".to_owned());
                }
                let own = self.interface(device.as_ref().unwrap_or(of))?;
                match (route.to.length(), route.metric, route.via) {
                    (0, None, Some(gateway)) => {
                        own.gateways.insert(gateway);
                    }
                    (_, _, _) => {
                        own.routes.insert(route.clone());
                    }
                }
            }
            Deed::Address(address, device) => {
                self.interface(device)?.addresses.insert(*address);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> BTreeMap<LinkName, Interface> {
        let mut interfaces = BTreeMap::new();
        for (name, device) in std::mem::take(&mut self.devices) {
            let (spot, by_program) = (device.spot.clone(), device.by_program);
            match device.finish(&name) {
                Ok(interface) => {
                    // A card of which nothing is said stays as it is; one that is a port is named
                    // by its bridge.
                    let is_plain = interface == Interface::default();
                    // Nothing of what a program of the node configures is taken over.
                    let is_card = interface.kind == InterfaceKind::Physical;
                    let has_none = interface.addresses.is_empty();
                    let is_nothing = by_program && is_card && has_none;
                    if !(is_plain || is_nothing) {
                        interfaces.insert(name, interface);
                    } else if !is_plain {
                        let text = format!("{name}: left to the node's own program as a whole");
                        self.notes.extend(spot.map(|spot| (spot, text)));
                    }
                }
                Err(why) => {
                    let text = format!("{name}: not carried over: {why}");
                    self.notes.extend(spot.map(|spot| (spot, text)));
                }
            }
        }
        interfaces
    }
}

#[cfg(test)]
mod tests;
