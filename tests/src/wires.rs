//! The cables: a switch, and hosts on it.

use anyhow::Result;

use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::underlay::{FAR, Underlay};

/// The device of a host on the switch.
pub const UPLINK: &str = "eth0";

/// A switch in a namespace of its own.
#[derive(Debug)]
pub struct Switch {
    namespace: Namespace,
    underlay: Underlay,
    ports: usize,
}

impl Switch {
    /// A switch without hosts.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn create(lab: &Lab, underlay: Underlay) -> Result<Self> {
        let namespace = Namespace::create(lab, "switch")?;
        namespace.batch(
            "link add br0 type bridge mcast_snooping 0\n\
             link set br0 up\n",
        )?;
        Ok(Self {
            namespace,
            underlay,
            ports: 0,
        })
    }

    /// Makes a host on the switch with this address.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn host(&mut self, lab: &Lab, role: &str, address: &str) -> Result<Namespace> {
        let host = Namespace::create(lab, role)?;
        let port = format!("p{}", self.ports);
        self.ports += 1;
        self.namespace.batch(&format!(
            "link add {port} type veth peer name {UPLINK} netns {}\n\
             link set {port} master br0 up\n",
            host.name()
        ))?;
        let length = self.underlay.length();
        let options = self.underlay.address_options();
        host.batch(&format!(
            "link set {UPLINK} up\n\
             address add {address}/{length} dev {UPLINK} {options}\n"
        ))?;
        Ok(host)
    }

    /// Cuts or joins a host's cable, by the order in which hosts were made.
    ///
    /// # Errors
    /// When there is no such cable.
    pub fn set_cable(&self, port: usize, state: Cable) -> Result<()> {
        let word = match state {
            Cable::Joined => "up",
            Cable::Cut => "down",
        };
        self.namespace
            .ip(&format!("link set p{port} {word}"))
            .map(|_| ())
    }
}

/// Whether packets pass a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// They do.
    Joined,
    /// They do not.
    Cut,
}

/// Makes a host the outside world: the router that nodes have as default, and a far address.
///
/// It has no route back to the guests' networks, so only translated packets are answered.
///
/// # Errors
/// When the kernel or `ip` refuses.
pub fn make_outside(host: &Namespace) -> Result<()> {
    host.ip(&format!("address add {FAR}/32 dev lo"))?;
    host.sysctl("net.ipv4.ip_forward", "1")
}
