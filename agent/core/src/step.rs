//! One change to the kernel, fully decided.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use weft_model::name::VnetName;
use weft_model::plan::Origin;
use weft_model::plan::link::{LinkKind, SwitchPort, Vlans};
use weft_model::prefix::InterfaceAddress;
use weft_model::revision::ClusterId;
use weft_model::vlan::{VlanId, VlanSet};

use crate::frr::step::{Saying, Written};
use crate::loan::Loan;
use crate::nft::Table;
use crate::route::{DirectRoute, SeenRoute, Unreachable};
use crate::settings::{Ipv6Switch, Settings};

/// One change: one kernel message, one switch, or one whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A change to one device of ours, or to what is on it.
    Link {
        /// The device's number.
        index: u32,
        /// The device's name when the step is made.
        name: String,
        /// The objects that the device is there for; `None` where the plan no longer knows.
        origin: Option<Origin>,
        /// What changes.
        change: Change,
    },
    /// A change to a guest's port, which is not ours and stays where it is: what our bridge does
    /// with it.
    Guest {
        /// The port's number.
        index: u32,
        /// Its name.
        name: String,
        /// The objects that the bridge is there for.
        origin: Origin,
        /// What changes.
        change: GuestChange,
    },
    /// Notes what a device of the host gets back one day, before it is changed; `None` when it got
    /// all back. Changes nothing in the kernel.
    Lend {
        /// The device's number.
        index: u32,
        /// Its name.
        name: String,
        /// The host network that it is there for.
        origin: Option<Origin>,
        /// What it gets back.
        loan: Option<Box<Loan>>,
    },
    /// Destroys all devices of a group.
    DestroyGroup {
        /// The group.
        group: u32,
        /// The devices in it, ours all.
        devices: BTreeSet<u32>,
    },
    /// Puts the table of source translations in place of what is there; `None` removes it.
    Nat(Option<Table>),
    /// Tells one of FRR's daemons something.
    Frr(Box<Saying>),
    /// Notes what of FRR's configuration is ours, for when FRR or the agent starts again.
    FrrKept(Box<Written>),
}

/// A change to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes the device: down, without master, and in our group from its first moment.
    Create {
        /// What it is.
        kind: LinkKind,
        /// The Ethernet address; `None` leaves it to the kernel.
        mac: Option<[u8; 6]>,
        /// The MTU to begin with; `None` leaves it to the kernel.
        mtu: Option<u32>,
        /// Of a VLAN, the number of the device that it is one of; of a pair, the number that the
        /// other end gets, which is made too.
        other: Option<u32>,
    },
    /// Changes properties of the device, in one message.
    Set(Box<Settings>),
    /// Turns one IPv6 switch of the device.
    Ipv6(Ipv6Switch, bool),
    /// Gives the device one more name.
    AddName(VnetName),
    /// Takes one of the device's other names away.
    RemoveName(String),
    /// Adds an address.
    AddAddress(InterfaceAddress),
    /// Removes an address.
    RemoveAddress(InterfaceAddress),
    /// Adds a route.
    AddRoute(DirectRoute),
    /// Removes a route.
    RemoveRoute(DirectRoute),
    /// Makes a table drop what no other route of it is for.
    AddUnreachable(Unreachable),
    /// Takes that back.
    RemoveUnreachable(Unreachable),
    /// Adds a route with gateway and metric.
    AddStatic {
        /// The route.
        route: SeenRoute,
        /// Whether it takes the place of one to the same network with the same metric.
        replace: bool,
    },
    /// Removes a route with gateway and metric.
    RemoveStatic(SeenRoute),
    /// Adds an entry to the flood list.
    AddFlood(IpAddr),
    /// Removes an entry from the flood list.
    RemoveFlood(IpAddr),
    /// Receives for these networks too (a tunnel end point for many).
    AddNetworks(BTreeSet<u32>),
    /// No longer receives for these networks.
    RemoveNetworks(BTreeSet<u32>),
    /// Adds an entry to the flood list of a network.
    AddPeer(u32, IpAddr),
    /// Removes an entry from the flood list of a network.
    RemovePeer(u32, IpAddr),
    /// Lets the device carry these VLANs, as a port of its bridge, each as a network of the tunnel.
    MapVlans(BTreeMap<VlanId, u32>),
    /// Lets the device carry these VLANs, as a port of its bridge.
    AddVlans(Vlans),
    /// Keeps these VLANs from the device.
    RemoveVlans(VlanSet),
    /// Lets a VLAN of a bridge that filters VLANs up to the host, where the device has it.
    Join(Membership),
    /// Takes that back.
    Leave(Membership),
    /// Makes the device as a port of an Open vSwitch bridge with the mark of a cluster, in place of
    /// a port of that name with that mark. Its number is the kernel's to choose.
    Plug(Box<Plug>),
    /// Changes what VLAN a port of an Open vSwitch bridge has.
    Retag(SwitchPort),
    /// Takes a port of an Open vSwitch bridge away, and the device with it.
    Unplug,
    /// Destroys the device.
    Destroy,
}

/// A port of an Open vSwitch bridge that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plug {
    /// What it is.
    pub port: SwitchPort,
    /// Whose it is.
    pub cluster: ClusterId,
}

/// That the host takes part in a VLAN of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The bridge's number.
    pub bridge: u32,
    /// The VLAN.
    pub id: VlanId,
}

/// A change to what our bridge does with a guest's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestChange {
    /// Whether it is kept from reaching other guests, and whether it is learned who is behind it.
    Flags {
        /// `None` stays as it is.
        isolated: Option<bool>,
        /// `None` stays as it is.
        learning: Option<bool>,
    },
    /// Lets the port carry these VLANs.
    AddVlans(Vlans),
}

impl Step {
    /// The objects that the step is made for.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Link { origin, .. } | Self::Lend { origin, .. } => origin.as_ref(),
            Self::Guest { origin, .. } => Some(origin),
            Self::Frr(saying) => saying.origin.as_ref(),
            Self::DestroyGroup { .. } | Self::Nat(_) | Self::FrrKept(_) => None,
        }
    }

    /// The numbers of the devices that the step changes.
    pub fn devices(&self) -> BTreeSet<u32> {
        match self {
            Self::Link {
                index,
                change: Change::Join(of) | Change::Leave(of),
                ..
            } => BTreeSet::from([*index, of.bridge]),
            Self::Link { index, .. } | Self::Guest { index, .. } => BTreeSet::from([*index]),
            Self::DestroyGroup { devices, .. } => devices.clone(),
            Self::Nat(_) | Self::Lend { .. } | Self::Frr(_) | Self::FrrKept(_) => BTreeSet::new(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { name, change, .. } => match change {
                Change::Create { kind, .. } => {
                    write!(f, "create device {name} of type {}", kind.as_str())
                }
                Change::Set(settings) => write!(f, "set device {name}: {settings}"),
                Change::Ipv6(switch, value) => write!(
                    f,
                    "set net.ipv6.conf.{name}.{} to {}",
                    switch.as_str(),
                    u8::from(*value)
                ),
                Change::AddName(other) => write!(f, "give device {name} the name {other}"),
                Change::RemoveName(other) => write!(f, "take the name {other} from device {name}"),
                Change::AddAddress(address) => write!(f, "add address {address} to device {name}"),
                Change::RemoveAddress(address) => {
                    write!(f, "remove address {address} from device {name}")
                }
                Change::AddRoute(route) => write!(f, "add route {route} by device {name}"),
                Change::RemoveRoute(route) => write!(f, "remove route {route} by device {name}"),
                Change::AddUnreachable(route) => {
                    write!(f, "add unreachable default of {route}")
                }
                Change::RemoveUnreachable(route) => {
                    write!(f, "remove unreachable default of {route}")
                }
                Change::AddStatic { route, .. } => write!(f, "add route {route} by device {name}"),
                Change::RemoveStatic(route) => {
                    write!(f, "remove route {route} by device {name}")
                }
                Change::AddFlood(peer) => write!(f, "add peer {peer} to device {name}"),
                Change::RemoveFlood(peer) => write!(f, "remove peer {peer} from device {name}"),
                Change::AddNetworks(vnis) => {
                    write!(f, "let device {name} receive {}", Listed("VNI", vnis))
                }
                Change::RemoveNetworks(vnis) => {
                    write!(f, "keep {} from device {name}", Listed("VNI", vnis))
                }
                Change::AddPeer(vni, peer) => {
                    write!(f, "add peer {peer} to VNI {vni} of device {name}")
                }
                Change::RemovePeer(vni, peer) => {
                    write!(f, "remove peer {peer} from VNI {vni} of device {name}")
                }
                Change::MapVlans(vlans) => {
                    let vnis: BTreeSet<u32> = vlans.values().copied().collect();
                    let vlans: VlanSet = vlans.keys().copied().collect();
                    write!(
                        f,
                        "let device {name} carry VLANs {vlans} as {}",
                        Listed("VNI", &vnis)
                    )
                }
                Change::AddVlans(vlans) => {
                    write!(f, "let device {name} carry {}", Carried(vlans))
                }
                Change::RemoveVlans(vlans) => write!(f, "keep VLANs {vlans} from device {name}"),
                Change::Join(of) => {
                    write!(f, "let VLAN {} of bridge {} up to {name}", of.id, of.bridge)
                }
                Change::Leave(of) => {
                    write!(f, "keep VLAN {} of bridge {} from {name}", of.id, of.bridge)
                }
                Change::Plug(plug) => {
                    let Plug { port, .. } = &**plug;
                    write!(
                        f,
                        "create device {name} as {} of Open vSwitch bridge {}",
                        Lane(port),
                        port.switch
                    )
                }
                Change::Retag(port) => write!(f, "set device {name}: {}", Lane(port)),
                Change::Unplug => write!(f, "take device {name} from Open vSwitch"),
                Change::Destroy => write!(f, "destroy device {name}"),
            },
            Self::Guest { name, change, .. } => match change {
                GuestChange::Flags { isolated, learning } => {
                    let parts = [
                        isolated.map(|on| format!("isolation {}", word(on))),
                        learning.map(|on| format!("learning {}", word(on))),
                    ];
                    let parts: Vec<String> = parts.into_iter().flatten().collect();
                    write!(f, "set guest's port {name}: {}", parts.join(", "))
                }
                GuestChange::AddVlans(vlans) => {
                    write!(f, "let guest's port {name} carry {}", Carried(vlans))
                }
            },
            Self::Lend { name, loan, .. } => match loan {
                Some(_) => write!(f, "note what device {name} of the host was before"),
                None => write!(f, "give device {name} back to the host"),
            },
            Self::DestroyGroup { group, devices } => {
                write!(
                    f,
                    "destroy the {} devices of group {group:#x}",
                    devices.len()
                )
            }
            Self::Nat(Some(Table::Rules(rules))) => {
                write!(f, "write {} source translations", rules.len())
            }
            Self::Nat(Some(Table::Unreadable) | None) => {
                f.write_str("remove all source translations")
            }
            Self::Frr(saying) => saying.fmt(f),
            Self::FrrKept(_) => f.write_str("write Weft's part of FRR's configuration file"),
        }
    }
}

struct Lane<'a>(&'a SwitchPort);

impl fmt::Display for Lane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.tunnel {
            None => write!(f, "VLAN {}", self.0.id),
            Some(protocol) => write!(f, "VLAN {} by {protocol} tags before all others", self.0.id),
        }
    }
}

/// A few numbers, or how many there are.
struct Listed<'a>(&'static str, &'a BTreeSet<u32>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, numbers) = self;
        match numbers.len() {
            few @ 0..=4 => {
                let plural = if few == 1 { "" } else { "s" };
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                write!(f, "{what}{plural} {}", numbers.join(", "))
            }
            many => write!(f, "{many} {what}s"),
        }
    }
}

struct Carried<'a>(&'a Vlans);

impl fmt::Display for Carried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.tagged.is_empty(), self.0.untagged) {
            (false, None) => write!(f, "VLANs {}", self.0.tagged),
            (false, Some(id)) => write!(f, "VLANs {}, and {id} without tag", self.0.tagged),
            (true, Some(id)) => write!(f, "VLAN {id} without tag"),
            (true, None) => f.write_str("no VLAN more"),
        }
    }
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
