//! One interface as the stanzas of a file describe it, option by option.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weft_model::bond::{BondMode, LacpRate, MiiMonitor, XmitHashPolicy};
use weft_model::name::LinkName;
use weft_model::object::host_network::{
    HostBond, HostBridge, HostRoute, HostVlan, Interface, InterfaceKind,
};
use weft_model::prefix::{Family, InterfaceAddress, Prefix};
use weft_model::vlan::{VlanId, VlanProtocol};

use super::stanza::{Choice, Spot, Stanza};

/// What is known of an interface so far.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// What a host network says of it, but for what it is.
    pub interface: Interface,
    /// Where it is first described.
    pub spot: Option<Spot>,
    bridge: Option<HostBridge>,
    bond: Option<Bonding>,
    raw_device: Option<LinkName>,
    vlan_id: Option<VlanId>,
    protocol: VlanProtocol,
    /// Whether it gets its addresses by a program of the node.
    pub by_program: bool,
    /// The bond that it says to be a member of.
    pub master: Option<LinkName>,
}

#[derive(Clone, Debug, Default)]
struct Bonding {
    mode: BondMode,
    members: BTreeSet<LinkName>,
    miimon: MiiMonitor,
    lacp_rate: Option<LacpRate>,
    xmit_hash_policy: Option<XmitHashPolicy>,
    primary: Option<LinkName>,
}

/// What lasts from one line of a stanza to the next.
#[derive(Debug, Default)]
struct Open {
    /// The address that a `netmask` line completes.
    bare: Option<IpAddr>,
    metric: Option<u32>,
    gateways: Vec<IpAddr>,
}

/// Why a line is not carried over.
pub type Why = String;

impl Device {
    /// Takes the options of a stanza; what is left are commands, and lines with the reason why they
    /// are not carried over.
    pub fn take(&mut self, stanza: &Stanza, notes: &mut Vec<(Spot, String)>) -> Vec<Choice> {
        self.spot.get_or_insert_with(|| stanza.spot.clone());
        let mut commands = Vec::new();
        let mut open = Open::default();
        for choice in &stanza.choices {
            if is_command(&choice.name) {
                commands.push(choice.clone());
            } else if let Err(why) = self.option(choice, &mut open) {
                let text = format!("{} {}: not carried over: {why}", choice.name, choice.value);
                notes.push((choice.spot.clone(), text));
            }
        }
        self.drop_what_the_mode_lacks(stanza, notes);
        if let Some(address) = open.bare {
            let length = Family::of(address).host_length();
            let text = format!("{address}: no netmask is said, /{length} is taken");
            notes.push((stanza.spot.clone(), text));
        }
        for gateway in open.gateways {
            match open.metric {
                None => {
                    self.interface.gateways.insert(gateway);
                }
                Some(_) => {
                    self.interface.routes.insert(HostRoute {
                        to: Prefix::everywhere(Family::of(gateway)),
                        via: Some(gateway),
                        metric: open.metric,
                    });
                }
            }
        }
        commands
    }

    fn option(&mut self, choice: &Choice, open: &mut Open) -> Result<(), Why> {
        let first = choice.words().next().unwrap_or_default();
        match choice.name.as_str() {
            "address" => self.address(choice, first, open)?,
            "netmask" => self.netmask(first, open)?,
            "gateway" => {
                for word in choice.words() {
                    open.gateways.push(read(word)?);
                }
            }
            "metric" => open.metric = Some(read(first)?),
            "pointopoint" => {
                let to: IpAddr = read(first)?;
                let host = InterfaceAddress::new(to, Family::of(to).host_length());
                let to = host.ok_or("it is no address")?.network();
                self.interface.routes.insert(HostRoute {
                    to,
                    via: None,
                    metric: None,
                });
            }
            "broadcast" | "network" => self.implied(&choice.name, first)?,
            "mtu" => self.interface.mtu = Some(number(first)?),
            "alias" | "description" => self.interface.alias = Some(read(&choice.value)?),
            "vlan-raw-device" => self.raw_device = Some(read(first)?),
            "vlan-id" => self.vlan_id = Some(number(first)?),
            "vlan-protocol" => self.protocol = read(&first.to_lowercase())?,
            "slaves" => self.bonding().members = devices(choice)?,
            "bond-master" => self.master = Some(read(first)?),
            name if name.starts_with("bond-") => self.bond_option(name, choice, first)?,
            name if name.starts_with("bridge-") => self.bridge_option(name, choice, first)?,
            name if name.starts_with("ovs-") => {
                return Err("a host network has no Open vSwitch".to_owned());
            }
            "hwaddress" => return Err("a host network leaves Ethernet addresses alone".to_owned()),
            name if name.starts_with("dns-") => {
                return Err("names are not a matter of interfaces".to_owned());
            }
            _ => return Err("a host network has nothing like it".to_owned()),
        }
        Ok(())
    }

    fn address(&mut self, choice: &Choice, first: &str, open: &mut Open) -> Result<(), Why> {
        if choice.words().count() != 1 {
            for word in choice.words() {
                self.interface.addresses.insert(read(word)?);
            }
            return Ok(());
        }
        if let Ok(address) = first.parse::<InterfaceAddress>() {
            open.bare = None;
            self.interface.addresses.insert(address);
            return Ok(());
        }
        let address: IpAddr = read(first)?;
        let length = Family::of(address).host_length();
        let single = InterfaceAddress::new(address, length);
        self.interface.addresses.extend(single);
        open.bare = Some(address);
        Ok(())
    }

    fn netmask(&mut self, text: &str, open: &mut Open) -> Result<(), Why> {
        let Some(address) = open.bare.take() else {
            return Err("no address without a length stands before it".to_owned());
        };
        let length = text.parse::<u8>().ok().or_else(|| {
            let mask: IpAddr = text.parse().ok()?;
            ipnet::ip_mask_to_prefix(mask).ok()
        });
        let complete = length.and_then(|length| InterfaceAddress::new(address, length));
        let complete = complete.ok_or("it is no netmask")?;
        let single = InterfaceAddress::new(address, Family::of(address).host_length());
        self.interface
            .addresses
            .retain(|it| Some(*it) != single || *it == complete);
        self.interface.addresses.insert(complete);
        Ok(())
    }

    /// What follows from address and length anyway needs not be carried.
    fn implied(&self, name: &str, text: &str) -> Result<(), Why> {
        let said: IpAddr = match (name, text) {
            ("broadcast", "+") => return Ok(()),
            (_, text) => read(text)?,
        };
        let follows = self.interface.addresses.iter().any(|it| {
            let network = it.network();
            match (name, network.address()) {
                ("network", first) => first == said,
                (_, IpAddr::V4(first)) => {
                    let rest = u32::MAX
                        .checked_shr(u32::from(network.length()))
                        .unwrap_or(0);
                    said == IpAddr::V4((u32::from(first) | rest).into())
                }
                (_, IpAddr::V6(_)) => false,
            }
        });
        match follows {
            true => Ok(()),
            false => Err("it follows from address and length, and this is another".to_owned()),
        }
    }

    fn bonding(&mut self) -> &mut Bonding {
        self.bond.get_or_insert_default()
    }

    fn bond_option(&mut self, name: &str, choice: &Choice, first: &str) -> Result<(), Why> {
        let word = first.to_lowercase();
        let by_number = |all: usize| word.parse::<usize>().ok().filter(|it| *it < all);
        let bond = self.bonding();
        match name {
            "bond-slaves" => bond.members = devices(choice)?,
            "bond-mode" => {
                bond.mode = match by_number(BondMode::ALL.len()) {
                    Some(at) => BondMode::ALL[at],
                    None => read(&word)?,
                };
            }
            "bond-miimon" => bond.miimon = number(first)?,
            "bond-lacp-rate" => {
                bond.lacp_rate = Some(match by_number(LacpRate::ALL.len()) {
                    Some(at) => LacpRate::ALL[at],
                    None => read(&word)?,
                });
            }
            "bond-xmit-hash-policy" => {
                bond.xmit_hash_policy = Some(match by_number(XmitHashPolicy::ALL.len()) {
                    Some(at) => XmitHashPolicy::ALL[at],
                    None => read(&word)?,
                });
            }
            "bond-primary" => bond.primary = Some(read(first)?),
            _ => return Err("a bond of a host network has no such option".to_owned()),
        }
        Ok(())
    }

    /// Kernels ignore these options in other modes; a host network refuses them. The mode may stand
    /// below them.
    fn drop_what_the_mode_lacks(&mut self, stanza: &Stanza, notes: &mut Vec<(Spot, String)>) {
        let Some(bond) = &mut self.bond else {
            return;
        };
        let mode = bond.mode;
        for choice in &stanza.choices {
            let has = match choice.name.as_str() {
                "bond-lacp-rate" => BondMode::has_lacp,
                "bond-xmit-hash-policy" => BondMode::has_hash_policy,
                "bond-primary" => BondMode::has_primary,
                _ => continue,
            };
            if !has(mode) {
                let (name, value) = (&choice.name, &choice.value);
                let text =
                    format!("{name} {value}: not carried over: mode {mode} has no such option");
                notes.push((choice.spot.clone(), text));
            }
        }
        bond.lacp_rate = bond.lacp_rate.filter(|_| mode.has_lacp());
        bond.xmit_hash_policy = bond.xmit_hash_policy.filter(|_| mode.has_hash_policy());
        bond.primary = bond.primary.take().filter(|_| mode.has_primary());
    }

    fn bridge_option(&mut self, name: &str, choice: &Choice, first: &str) -> Result<(), Why> {
        // These stand at a port, and do not make it a bridge.
        if matches!(
            name,
            "bridge-access" | "bridge-allow-untagged" | "bridge-learning" | "bridge-portprios"
        ) {
            return Err("ports of a host network's bridge carry what the bridge says".to_owned());
        }
        let bridge = self.bridge.get_or_insert_default();
        match name {
            "bridge-ports" => {
                if first == "regex" || first == "glob" || first == "all" {
                    return Err("list the ports by name".to_owned());
                }
                bridge.ports = devices(choice)?;
            }
            "bridge-stp" => bridge.stp = switch(first)?,
            "bridge-fd" => {
                let seconds = first.split('.').next().unwrap_or(first);
                bridge.forward_delay = Some(number(seconds)?);
            }
            "bridge-vlan-aware" => bridge.vlan_aware = switch(first)?,
            "bridge-vids" => {
                let listed: Vec<&str> = choice.words().collect();
                bridge.vids = Some(read(&listed.join(","))?);
            }
            "bridge-pvid" if first == "1" => {}
            "bridge-vlan-protocol" if first.eq_ignore_ascii_case("802.1q") => {}
            "bridge-waitport" | "bridge-maxwait" => {
                return Err("nothing waits for the ports of a bridge here".to_owned());
            }
            _ => return Err("a bridge of a host network has no such option".to_owned()),
        }
        Ok(())
    }

    /// Whether it is a bond, and its members if so.
    pub fn members(&mut self) -> Option<&mut BTreeSet<LinkName>> {
        self.bond.as_mut().map(|bond| &mut bond.members)
    }

    /// The interface as a host network has it.
    ///
    /// # Errors
    /// When the options make two things of it.
    pub fn finish(self, name: &LinkName) -> Result<Interface, Why> {
        let vlan = self.vlan(name);
        let bond = self.bond.map(|it| HostBond {
            mode: it.mode,
            members: it.members,
            miimon: it.miimon,
            lacp_rate: it.lacp_rate,
            xmit_hash_policy: it.xmit_hash_policy,
            primary: it.primary,
        });
        let mut bridge = self.bridge;
        // Of the kernel's defaults nothing need be said.
        if let Some(bridge) = &mut bridge
            && !bridge.vlan_aware
        {
            bridge.vids = None;
        }
        // A name with a dot is a VLAN's unless it is said to be another thing.
        let vlan = vlan.filter(|_| bond.is_none() && bridge.is_none());
        let kind =
            InterfaceKind::of(name, bridge, bond, vlan).map_err(|error| error.to_string())?;
        Ok(Interface {
            kind,
            ..self.interface
        })
    }

    fn vlan(&self, name: &LinkName) -> Option<HostVlan> {
        let number = |text: &str| {
            let number = text.parse::<u32>().ok()?;
            VlanId::try_from(number).ok()
        };
        let by_dot = name
            .as_str()
            .rsplit_once('.')
            .and_then(|(device, tag)| Some((device.parse::<LinkName>().ok()?, number(tag)?)));
        let by_word = name.as_str().strip_prefix("vlan").and_then(number);
        let device = self.raw_device.clone();
        let tag = self
            .vlan_id
            .or(by_dot.as_ref().map(|(_, tag)| *tag))
            .or(by_word);
        Some(HostVlan {
            device: device.or(by_dot.map(|(device, _)| device))?,
            tag: tag?,
            protocol: self.protocol,
        })
    }
}

/// Whether an option is a command that a shell is given.
fn is_command(name: &str) -> bool {
    matches!(
        name,
        "up" | "post-up" | "pre-up" | "down" | "post-down" | "pre-down"
    )
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Why> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn number<T: TryFrom<u32, Error: std::fmt::Display>>(text: &str) -> Result<T, Why> {
    let number: u32 = read(text)?;
    T::try_from(number).map_err(|error| error.to_string())
}

fn switch(text: &str) -> Result<bool, Why> {
    match text.to_lowercase().as_str() {
        "yes" | "on" | "1" | "true" => Ok(true),
        "no" | "off" | "0" | "false" => Ok(false),
        _ => Err("it is neither yes nor no".to_owned()),
    }
}

fn devices(choice: &Choice) -> Result<BTreeSet<LinkName>, Why> {
    let named = choice.words().filter(|word| *word != "none");
    named.map(read).collect()
}
