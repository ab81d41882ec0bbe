//! The addresses of the network that nodes reach each other by.

/// The family of the network between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Underlay {
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// An address outside the cluster, that nobody in it has a route to but the default one.
pub const FAR: &str = "198.51.100.1";

impl Underlay {
    /// The address of node `number`.
    pub fn node(self, number: usize) -> String {
        self.host(&number.to_string())
    }

    /// The address of the controller.
    pub fn controller(self) -> String {
        self.host("100")
    }

    /// The address of the member of etcd with this number.
    pub fn member(self, number: usize) -> String {
        self.host(&(200 + number).to_string())
    }

    /// The address of the router to the outside.
    pub fn router(self) -> String {
        self.host("254")
    }

    /// How long the network's prefix is.
    pub fn length(self) -> u8 {
        match self {
            Self::Ipv4 => 24,
            Self::Ipv6 => 64,
        }
    }

    /// The words that `ip address add` wants besides, so that an address is usable at once.
    pub fn address_options(self) -> &'static str {
        match self {
            Self::Ipv4 => "",
            Self::Ipv6 => "nodad",
        }
    }

    /// An address with its port, as in a URL.
    pub fn with_port(self, address: &str, port: u16) -> String {
        format!("{}:{port}", self.in_url(address))
    }

    /// An address as a URL has it.
    pub fn in_url(self, address: &str) -> String {
        match self {
            Self::Ipv4 => address.to_owned(),
            Self::Ipv6 => format!("[{address}]"),
        }
    }

    /// The family as manifests write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// What VXLAN over this underlay takes from the MTU.
    pub fn overhead(self) -> u32 {
        match self {
            Self::Ipv4 => 50,
            Self::Ipv6 => 70,
        }
    }

    fn host(self, last: &str) -> String {
        match self {
            Self::Ipv4 => format!("192.0.2.{last}"),
            Self::Ipv6 => format!("fd00:99::{last}"),
        }
    }
}
