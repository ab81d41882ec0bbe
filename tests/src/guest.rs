//! A guest: a namespace that plays a virtual machine, plugged into a vnet's bridge.

use anyhow::{Context, Result};

use crate::lab::Lab;
use crate::namespace::Namespace;

/// A guest.
#[derive(Clone, Debug)]
pub struct Guest {
    name: String,
    own: Namespace,
    host: Namespace,
}

impl Guest {
    /// Makes a guest on a host and plugs it into a bridge there, with the bridge's MTU.
    ///
    /// # Errors
    /// When the bridge is not there, or `ip` refuses.
    pub fn plug(lab: &Lab, name: &str, host: &Namespace, bridge: &str) -> Result<Self> {
        let own = Namespace::create(lab, name)?;
        let mtu = host.mtu(bridge)?;
        let guest = Self {
            name: name.to_owned(),
            own,
            host: host.clone(),
        };
        let port = guest.port();
        host.batch(&format!(
            "link add {port} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {}\n\
             link set {port} master {bridge} up\n",
            guest.own.name()
        ))?;
        guest.own.ip("link set eth0 up")?;
        Ok(guest)
    }

    /// Gives the guest an address, `10.0.0.2/24`.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn address(self, address: &str) -> Result<Self> {
        let options = if address.contains(':') { "nodad" } else { "" };
        self.own
            .ip(&format!("address add {address} dev eth0 {options}"))?;
        Ok(self)
    }

    /// Gives the guest a default route.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn gateway(self, gateway: &str) -> Result<Self> {
        self.own.ip(&format!("route add default via {gateway}"))?;
        Ok(self)
    }

    /// Gives the guest's own device another MTU than the vnet's.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn mtu(self, mtu: u32) -> Result<Self> {
        self.own.ip(&format!("link set eth0 mtu {mtu}"))?;
        self.host
            .ip(&format!("link set {} mtu {mtu}", self.port()))?;
        Ok(self)
    }

    /// Moves the guest to a bridge of another host, as a migration does: with its Ethernet address,
    /// its address and its gateway, which it announces when it is there.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn move_to(
        &mut self,
        host: &Namespace,
        bridge: &str,
        address: &str,
        gateway: &str,
    ) -> Result<()> {
        let told = self.own.ip("-o link show dev eth0")?;
        let mac = told
            .split_whitespace()
            .skip_while(|word| *word != "link/ether")
            .nth(1)
            .with_context(|| format!("no Ethernet address in {told:?}"))?
            .to_owned();
        let mtu = host.mtu(bridge)?;
        let port = self.port();
        // A machine is copied while it runs, and is away only for the last of it.
        host.batch(&format!(
            "link add {port} mtu {mtu} type veth peer name eth1 mtu {mtu} netns {}\n\
             link set {port} master {bridge} up\n",
            self.own.name()
        ))?;
        self.own.sysctl("net.ipv4.conf.eth1.arp_notify", "1")?;
        self.unplug()?;
        self.own.batch(&format!(
            "link set eth1 address {mac}\n\
             link set eth1 name eth0\n\
             address add {address} dev eth0\n\
             link set eth0 up\n\
             route add default via {gateway}\n"
        ))?;
        self.host = host.clone();
        Ok(())
    }

    /// The guest's own namespace.
    pub fn inside(&self) -> &Namespace {
        &self.own
    }

    /// The guest's device on its host.
    pub fn port(&self) -> String {
        format!("t-{}", self.name)
    }

    /// Plugs the guest into a bridge of its host again.
    ///
    /// # Errors
    /// When the bridge is not there.
    pub fn plug_again(&self, bridge: &str) -> Result<()> {
        self.host
            .ip(&format!("link set {} master {bridge} up", self.port()))
            .map(|_| ())
    }

    /// Takes the guest's cable out of its host, for good.
    ///
    /// # Errors
    /// When it is not there.
    pub fn unplug(&self) -> Result<()> {
        self.host
            .ip(&format!("link del {}", self.port()))
            .map(|_| ())
    }
}
