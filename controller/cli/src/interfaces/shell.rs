//! Commands in `interfaces` files that mean something that a host network can say.

use std::net::IpAddr;

use ipnet::IpNet;
use weft_model::name::LinkName;
use weft_model::object::host_network::HostRoute;
use weft_model::prefix::{Family, InterfaceAddress, Prefix};

/// What a command makes so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// ARP is answered for others on an interface.
    ProxyArp(LinkName),
    /// Packets are forwarded; on all interfaces where none is named.
    Forward(Family, Option<LinkName>),
    /// Packets of a network leave with an address of the node.
    Masquerade(Prefix, Option<LinkName>),
    /// A route, by an interface where one is named.
    Route(HostRoute, Option<LinkName>),
    /// An address on an interface.
    Address(InterfaceAddress, LinkName),
    /// Nothing that is not so anyway: devices of a host network are up.
    Nothing,
}

/// Whether a command makes something so or takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It makes it so.
    On,
    /// It takes it back.
    Off,
}

/// What a command of the stanza of an interface does; `None` where a host network cannot say it.
pub fn read(command: &str, interface: &str) -> Option<(Turn, Deed)> {
    let text = command
        .replace("${IFACE}", interface)
        .replace("$IFACE", interface);
    if let Some((echo, path)) = text.split_once('>') {
        let value = echo
            .trim()
            .strip_prefix("echo")?
            .trim()
            .trim_matches(['"', '\'']);
        let path = path.trim().trim_matches(['"', '\'']);
        return switch(&path.strip_prefix("/proc/sys/")?.replace('/', "."), value);
    }
    // A shell's own words make it more than one command.
    if text.contains(['|', '&', ';', '<', '`', '$', '(']) {
        return None;
    }
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    let (program, rest) = words.split_first()?;
    let program = program.rsplit('/').next()?;
    match program {
        "sysctl" => {
            let rest: Vec<&str> = rest
                .iter()
                .copied()
                .filter(|it| !it.starts_with('-'))
                .collect();
            let (key, value) = rest.first()?.split_once('=')?;
            (rest.len() == 1).then(|| switch(key, value))?
        }
        "iptables" => masquerade(rest, Family::Ipv4),
        "ip6tables" => masquerade(rest, Family::Ipv6),
        "ip" => ip(rest),
        "route" => route(rest),
        "ifconfig" => match rest {
            [_, "up"] => Some((Turn::On, Deed::Nothing)),
            [_, "down"] => Some((Turn::Off, Deed::Nothing)),
            _ => None,
        },
        _ => None,
    }
}

/// A sysctl by its key with dots. A device's own dots make more parts, which are joined again.
fn switch(key: &str, value: &str) -> Option<(Turn, Deed)> {
    let turn = match value {
        "1" => Turn::On,
        "0" => Turn::Off,
        _ => return None,
    };
    if key == "net.ipv4.ip_forward" {
        return Some((turn, Deed::Forward(Family::Ipv4, None)));
    }
    let (family, rest) = [
        (Family::Ipv4, "net.ipv4.conf."),
        (Family::Ipv6, "net.ipv6.conf."),
    ]
    .into_iter()
    .find_map(|(family, prefix)| Some((family, key.strip_prefix(prefix)?)))?;
    let (device, what) = rest.rsplit_once('.')?;
    let device = match device {
        "all" | "default" => None,
        device => Some(device.parse().ok()?),
    };
    match (what, family, device) {
        ("forwarding", family, device) => Some((turn, Deed::Forward(family, device))),
        ("proxy_arp", Family::Ipv4, Some(device)) => Some((turn, Deed::ProxyArp(device))),
        (_, _, _) => None,
    }
}

fn masquerade(words: &[&str], family: Family) -> Option<(Turn, Deed)> {
    let (mut source, mut out, mut turn, mut jumps, mut nat) = (None, None, None, false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-t" | "--table" => nat = *words.next()? == "nat",
            "-A" | "--append" | "-I" | "--insert" => {
                turn = (*words.next()? == "POSTROUTING").then_some(Turn::On);
            }
            "-D" | "--delete" => turn = (*words.next()? == "POSTROUTING").then_some(Turn::Off),
            "-s" | "--source" => source = Some(network(words.next()?)?),
            "-o" | "--out-interface" => out = Some(words.next()?.parse().ok()?),
            "-j" | "--jump" => jumps = *words.next()? == "MASQUERADE",
            "-w" | "--wait" => {}
            _ => return None,
        }
    }
    let source = source.filter(|it| nat && jumps && it.family() == family)?;
    Some((turn?, Deed::Masquerade(source, out)))
}

/// A network as it is written, with host bits or without a length.
fn network(text: &str) -> Option<Prefix> {
    if text == "default" {
        return Some(Prefix::everywhere(Family::Ipv4));
    }
    let net = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Prefix::try_from(net.trunc()).ok()
}

fn ip(words: &[&str]) -> Option<(Turn, Deed)> {
    let mut words: Vec<&str> = words.to_vec();
    let mut family = Family::Ipv4;
    if let Some(first) = words.first()
        && matches!(*first, "-4" | "-6")
    {
        if *first == "-6" {
            family = Family::Ipv6;
        }
        words.remove(0);
    }
    let turn = |word: &str| match word {
        "add" | "replace" | "a" | "append" => Some(Turn::On),
        "del" | "delete" | "d" => Some(Turn::Off),
        _ => None,
    };
    match words.as_slice() {
        ["r" | "ro" | "route", verb, rest @ ..] => {
            ip_route(rest, family).map(|deed| Some((turn(verb)?, deed)))?
        }
        ["a" | "addr" | "address", verb, address, "dev", device] => {
            let address = address.parse::<InterfaceAddress>().ok()?;
            Some((turn(verb)?, Deed::Address(address, device.parse().ok()?)))
        }
        ["l" | "link", "set", "dev", _, word] | ["l" | "link", "set", _, word] => match *word {
            "up" => Some((Turn::On, Deed::Nothing)),
            "down" => Some((Turn::Off, Deed::Nothing)),
            _ => None,
        },
        _ => None,
    }
}

fn ip_route(words: &[&str], family: Family) -> Option<Deed> {
    let (to, rest) = words.split_first()?;
    let mut via: Option<IpAddr> = None;
    let (mut device, mut metric) = (None, None);
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        match *word {
            "via" => via = Some(rest.next()?.parse().ok()?),
            "dev" => device = Some(rest.next()?.parse().ok()?),
            "metric" => metric = Some(rest.next()?.parse().ok()?),
            _ => return None,
        }
    }
    let to = match *to {
        "default" => Prefix::everywhere(via.map_or(family, Family::of)),
        to => network(to)?,
    };
    Some(Deed::Route(HostRoute { to, via, metric }, device))
}

/// The old program: `route add -net 10.0.0.0 netmask 255.0.0.0 gw 192.0.2.1`.
fn route(words: &[&str]) -> Option<(Turn, Deed)> {
    let turn = match *words.first()? {
        "add" => Turn::On,
        "del" => Turn::Off,
        _ => return None,
    };
    let (mut to, mut mask, mut via, mut device, mut metric) = (None, None, None, None, None);
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "-net" | "-host" => to = Some(*rest.next()?),
            "netmask" => mask = Some(rest.next()?.parse::<IpAddr>().ok()?),
            "gw" => via = Some(rest.next()?.parse::<IpAddr>().ok()?),
            "dev" => device = Some(rest.next()?.parse().ok()?),
            "metric" => metric = Some(rest.next()?.parse().ok()?),
            "default" => to = Some("0.0.0.0/0"),
            _ => return None,
        }
    }
    let to = match mask {
        Some(mask) => {
            let length = ipnet::ip_mask_to_prefix(mask).ok()?;
            let net = IpNet::new(to?.parse().ok()?, length).ok()?;
            Prefix::try_from(net.trunc()).ok()?
        }
        None => network(to?)?,
    };
    Some((turn, Deed::Route(HostRoute { to, via, metric }, device)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str) -> String {
        format!("{:?}", read(command, "eth0"))
    }

    #[test]
    fn commands_that_a_host_network_can_say_are_recognized() {
        for (command, deed) in [
            (
                "echo 1 > /proc/sys/net/ipv4/conf/$IFACE/proxy_arp",
                "Some((On, ProxyArp(\"eth0\")))",
            ),
            (
                "echo \"1\" >/proc/sys/net/ipv4/conf/eth0.5/proxy_arp",
                "Some((On, ProxyArp(\"eth0.5\")))",
            ),
            (
                "echo 1 > /proc/sys/net/ipv4/ip_forward",
                "Some((On, Forward(Ipv4, None)))",
            ),
            (
                "sysctl -w net.ipv6.conf.all.forwarding=1",
                "Some((On, Forward(Ipv6, None)))",
            ),
            (
                "iptables -t nat -D POSTROUTING -s '10.10.10.0/24' -o eth0 -j MASQUERADE",
                "Some((Off, Masquerade(10.10.10.0/24, Some(\"eth0\"))))",
            ),
            (
                "/sbin/ip -6 route add default via fe80::1 dev eth0 metric 5",
                "Some((On, Route(HostRoute { to: ::/0, via: Some(fe80::1), metric: Some(5) }, \
                 Some(\"eth0\"))))",
            ),
            (
                "route add -net 10.0.0.0 netmask 255.0.0.0 gw 192.0.2.1",
                "Some((On, Route(HostRoute { to: 10.0.0.0/8, via: Some(192.0.2.1), metric: None }, \
                 None)))",
            ),
            ("ip link set dev eth0 up", "Some((On, Nothing))"),
        ] {
            assert_eq!(told(command), deed, "{command}");
        }
    }

    #[test]
    fn a_command_that_does_more_is_not_taken_for_what_it_looks_like() {
        for command in [
            "iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -d 10.1.0.1 -j MASQUERADE",
            "iptables -t filter -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE",
            "iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -j SNAT --to 192.0.2.1",
            "ip route add 10.0.0.0/8 via 192.0.2.1 table 5",
            "ip route add 10.0.0.0/8 via 192.0.2.1 || true",
            "echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter",
            "ethtool -K eth0 tso off",
            "",
        ] {
            assert_eq!(read(command, "eth0"), None, "{command}");
        }
    }
}
