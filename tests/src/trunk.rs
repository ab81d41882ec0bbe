//! A cable for many VLANs between hosts: a switch that knows them, and a device on each host.

use anyhow::{Context, Result};

use crate::capture::Capture;
use crate::exec;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::wires::Cable;

/// The device of a host on the trunk.
pub const TRUNK: &str = "trunk0";

/// The VLANs that a port has where nobody says otherwise: all but the one of untagged frames.
const ALL: &str = "2-4094";

/// A switch in a namespace of its own, whose ports are all trunks.
///
/// What is not tagged by 802.1Q, service tags among it, goes to every port.
#[derive(Debug)]
pub struct Trunk {
    namespace: Namespace,
    ports: usize,
    mtu: u32,
}

impl Trunk {
    /// A switch without hosts, for packets of at most `mtu` bytes, tags behind the first included.
    ///
    /// The first 802.1Q tag is free, as it is on real cables.
    ///
    /// # Errors
    /// When the kernel has no bridges that filter VLANs.
    pub fn create(lab: &Lab, role: &str, mtu: u32) -> Result<Self> {
        let namespace = Namespace::create(lab, role)?;
        namespace.batch(&format!(
            "link add br0 mtu {mtu} type bridge vlan_filtering 1 mcast_snooping 0\n\
             link set br0 up\n"
        ))?;
        Ok(Self {
            namespace,
            ports: 0,
            mtu,
        })
    }

    /// Joins a host, whose device is [`TRUNK`]; returns its port, which has every VLAN.
    ///
    /// # Errors
    /// When the host is on a trunk already.
    pub fn join(&mut self, host: &Namespace) -> Result<Port> {
        let port = Port(self.ports);
        self.ports += 1;
        let (name, mtu) = (port.device(), self.mtu);
        self.namespace.batch(&format!(
            "link add {name} mtu {mtu} type veth peer name {TRUNK} mtu {mtu} netns {}\n\
             link set {name} master br0 up\n",
            host.name()
        ))?;
        host.ip(&format!("link set {TRUNK} up"))?;
        self.vlans(port, Change::Add, ALL)?;
        Ok(port)
    }

    /// Gives a port these VLANs, `100` or `100-199`, and no other.
    ///
    /// # Errors
    /// When they are none.
    pub fn allow(&self, port: Port, vlans: &str) -> Result<()> {
        self.vlans(port, Change::Delete, ALL)?;
        self.vlans(port, Change::Add, vlans)
    }

    /// Starts to keep what passes a port, in either direction.
    ///
    /// # Errors
    /// When `tcpdump` cannot be started.
    pub fn capture(&self, port: Port) -> Result<Capture> {
        Capture::start(&self.namespace, &port.device())
    }

    /// Takes a port's cable out, or puts it back.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn set_port(&self, port: Port, state: Cable) -> Result<()> {
        let word = match state {
            Cable::Joined => "up",
            Cable::Cut => "down",
        };
        self.namespace
            .ip(&format!("link set {} {word}", port.device()))
            .map(|_| ())
    }

    fn vlans(&self, port: Port, change: Change, vlans: &str) -> Result<()> {
        let change = match change {
            Change::Add => "add",
            Change::Delete => "del",
        };
        let mut command = self.namespace.command("bridge");
        command.args(["vlan", change, "dev", &port.device(), "vid", vlans]);
        exec::run(&mut command)
            .map(|_| ())
            .with_context(|| format!("VLANs {vlans} of the trunk"))
    }
}

/// A port of a trunk, by the order in which hosts joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(usize);

impl Port {
    fn device(self) -> String {
        format!("p{}", self.0)
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Add,
    Delete,
}
