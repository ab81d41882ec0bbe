//! Which of FRR's daemons holds which part of the configuration.
//!
//! | part | up to 8.x and 9.x | from 10 on |
//! |---|---|---|
//! | `vrf` / `vni` | zebra | mgmtd: zebra's own commands are gone (frr#17749 and SONiC's notes) |
//! | static routes | staticd | mgmtd, the same |
//! | `ip protocol`, other lines of a device | zebra | mgmtd (seen with 10.7) |
//! | `router X` and its lines on devices | its daemon | its daemon |
//! | lists and route maps | every daemon that runs and knows them, as `vtysh` does it | the same, with mgmtd for zebra: that passes them on (seen with 10.7) |
//!
//! A daemon keeps of a route map only the lines that it knows: zebra alone knows `set src`, and bgpd
//! alone what is BGP's.

use std::collections::BTreeMap;
use std::fmt;

use super::config::Config;
use super::version::Version;
use weft_model::plan::frr::text::Place;

macro_rules! daemons {
    ($($name:ident $text:literal),+ $(,)?) => {
        /// One of FRR's daemons, in the order in which they are told of something new.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Daemon {
            $(#[doc = concat!("`", $text, "`.")] $name,)+
            /// All of them, through the program `vtysh`: where it is not known who holds what.
            All,
        }

        impl Daemon {
            /// Every daemon.
            pub const EACH: &[Self] = &[$(Self::$name),+];

            /// The program's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::All => "vtysh",
                }
            }
        }
    };
}

daemons!(
    Mgmtd "mgmtd",
    Zebra "zebra",
    Staticd "staticd",
    Bfdd "bfdd",
    Ospfd "ospfd",
    Ospf6d "ospf6d",
    Isisd "isisd",
    Fabricd "fabricd",
    Ripd "ripd",
    Ripngd "ripngd",
    Eigrpd "eigrpd",
    Babeld "babeld",
    Pimd "pimd",
    Pathd "pathd",
    Pbrd "pbrd",
    Nhrpd "nhrpd",
    Vrrpd "vrrpd",
    Ldpd "ldpd",
    Bgpd "bgpd",
);

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Those that know lists and route maps.
const POLICY: [Daemon; 10] = [
    Daemon::Mgmtd,
    Daemon::Zebra,
    Daemon::Ospfd,
    Daemon::Ospf6d,
    Daemon::Isisd,
    Daemon::Fabricd,
    Daemon::Ripd,
    Daemon::Ripngd,
    Daemon::Pimd,
    Daemon::Bgpd,
];

/// Who holds a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    One(Daemon),
    /// Every daemon that runs and knows lists and route maps.
    Policy,
}

/// The parts of a configuration, by the daemon that holds each, where these daemons run.
pub fn split(
    config: &Config,
    version: Version,
    running: impl IntoIterator<Item = Daemon>,
) -> BTreeMap<Daemon, Config> {
    let mut parts: BTreeMap<Daemon, Config> = BTreeMap::new();
    if !version.is_known() {
        parts.insert(Daemon::All, config.clone());
        return parts;
    }
    let mut policy = Vec::new();
    for (place, lines) in config.sections() {
        for line in std::iter::once(None).chain(lines.iter().map(Some)) {
            match holder(place, line.map(String::as_str), version) {
                Some(Holder::One(daemon)) => put(parts.entry(daemon).or_default(), place, line),
                Some(Holder::Policy) => policy.push((place, line)),
                None => {}
            }
        }
    }
    let users: Vec<Daemon> = running
        .into_iter()
        .filter(|daemon| POLICY.contains(daemon))
        .filter(|daemon| *daemon != Daemon::Zebra || !version.has_mgmtd())
        .collect();
    for (place, line) in policy {
        for daemon in &users {
            if line.is_none_or(|line| knows(*daemon, line)) {
                put(parts.entry(*daemon).or_default(), place, line);
            }
        }
    }
    parts
}

/// What a daemon has of its own, out of all that it shows.
///
/// From 10 on zebra shows the lists that mgmtd passed on to it (seen with 10.7), and takes none away.
pub fn held(config: Config, daemon: Daemon, version: Version) -> Config {
    if daemon == Daemon::Zebra && version.has_mgmtd() {
        return split(&config, version, [daemon])
            .remove(&daemon)
            .unwrap_or_default();
    }
    config
}

fn put(part: &mut Config, place: &Place, line: Option<&String>) {
    let lines = part.open(place);
    lines.extend(line.cloned());
}

/// Who holds a line, or a section itself; `None` where the section is there for its lines alone.
fn holder(place: &Place, line: Option<&str>, version: Version) -> Option<Holder> {
    use Daemon::{Bfdd, Bgpd, Fabricd, Isisd, Mgmtd, Ospf6d, Ospfd, Staticd, Zebra};
    let of_zebra = if version.has_mgmtd() { Mgmtd } else { Zebra };
    let of_staticd = if version.has_mgmtd() { Mgmtd } else { Staticd };
    let text = line.map(|line| line.strip_prefix("no ").unwrap_or(line));
    let starts =
        |words: &[&str]| text.is_some_and(|text| words.iter().any(|w| text.starts_with(w)));
    let is_route = starts(&["ip route ", "ipv6 route "]);
    let section = place.section();
    let first = section.split(' ').next().unwrap_or_default();
    let daemon = match first {
        "" => {
            let text = text?;
            if is_route {
                of_staticd
            } else if [
                "ip prefix-list ",
                "ipv6 prefix-list ",
                "access-list ",
                "ipv6 access-list ",
            ]
            .iter()
            .any(|word| text.starts_with(word))
            {
                return Some(Holder::Policy);
            } else if text.starts_with("bgp ") {
                Bgpd
            } else if starts(&["ip protocol ", "ipv6 protocol "]) {
                of_zebra
            } else {
                Zebra
            }
        }
        "vrf" => {
            line?;
            if is_route { of_staticd } else { of_zebra }
        }
        "interface" => {
            line?;
            if starts(&["ip router isis ", "ipv6 router isis ", "isis "]) {
                Isisd
            } else if starts(&[
                "ip router openfabric ",
                "ipv6 router openfabric ",
                "openfabric ",
            ]) {
                Fabricd
            } else if starts(&["ip ospf "]) {
                Ospfd
            } else if starts(&["ipv6 ospf6 "]) {
                Ospf6d
            } else {
                of_zebra
            }
        }
        "route-map" => return Some(Holder::Policy),
        "bfd" => {
            if place.headers().len() == 1 {
                line?;
            }
            Bfdd
        }
        "router" => {
            let protocol = section.split(' ').nth(1).unwrap_or_default();
            let name = match protocol {
                "openfabric" => "fabricd".to_owned(),
                protocol => format!("{protocol}d"),
            };
            let found = Daemon::EACH.iter().find(|it| it.as_str() == name);
            *found.unwrap_or(&Zebra)
        }
        _ => Zebra,
    };
    Some(Holder::One(daemon))
}

/// Whether a daemon keeps a line of lists and route maps.
fn knows(daemon: Daemon, line: &str) -> bool {
    const ALL: [&str; 14] = [
        "ip prefix-list ",
        "ipv6 prefix-list ",
        "access-list ",
        "ipv6 access-list ",
        "match interface ",
        "match ip address ",
        "match ipv6 address ",
        "match metric ",
        "match tag ",
        "set metric ",
        "set tag ",
        "call ",
        "on-match ",
        "description ",
    ];
    const ZEBRA: [&str; 4] = [
        "set src ",
        "match source-protocol ",
        "match source-instance ",
        "match ip next-hop ",
    ];
    let is_of = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    match daemon {
        Daemon::Mgmtd | Daemon::Zebra => (is_of(&ALL) && line != "set metric rtt") || is_of(&ZEBRA),
        // It knows `set src` no more than the others know what is BGP's.
        Daemon::Bgpd => !is_of(&ZEBRA[..3]),
        // The interior protocols have no round trip times.
        _ => is_of(&ALL) && line != "set metric rtt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: [Daemon; 6] = [
        Daemon::Mgmtd,
        Daemon::Zebra,
        Daemon::Staticd,
        Daemon::Ospfd,
        Daemon::Isisd,
        Daemon::Bgpd,
    ];

    const TEXT: &str = "\
ip route 192.0.2.0/24 blackhole
ip prefix-list own seq 5 permit 0.0.0.0/0 le 32
ip protocol bgp route-map src
bgp as-path access-list far seq 5 permit _65000_
vrf z
 vni 7
 ip route 198.51.100.0/24 blackhole
exit-vrf
interface eth0
 ip router isis one
 ip ospf area 0.0.0.0
exit
router bgp 65000
exit
route-map src permit 1
 match ip address prefix-list own
 set src 192.0.2.1
 set local-preference 5
exit
";

    fn shown(version: &str) -> BTreeMap<&'static str, String> {
        let version: Version = version.parse().unwrap();
        let running = RUNNING
            .into_iter()
            .filter(|it| *it != Daemon::Mgmtd || version.has_mgmtd());
        split(&Config::parse(TEXT), version, running)
            .into_iter()
            .map(|(daemon, part)| (daemon.as_str(), part.to_string().replace('\n', "|")))
            .collect()
    }

    #[test]
    fn every_daemon_is_told_what_it_holds() {
        let list = "ip prefix-list own seq 5 permit 0.0.0.0/0 le 32|";
        let map = "route-map src permit 1| match ip address prefix-list own|";
        let wanted = [
            (
                "bgpd",
                format!(
                    "bgp as-path access-list far seq 5 permit _65000_|{list}{map} \
                     set local-preference 5|exit|router bgp 65000|exit|"
                ),
            ),
            ("isisd", format!("{list}interface eth0| ip router isis one|exit|{map}exit|")),
            ("ospfd", format!("{list}interface eth0| ip ospf area 0.0.0.0|exit|{map}exit|")),
            (
                "staticd",
                "ip route 192.0.2.0/24 blackhole|vrf z| ip route 198.51.100.0/24 blackhole|exit-vrf|"
                    .to_owned(),
            ),
            (
                "zebra",
                format!(
                    "{list}ip protocol bgp route-map src|{map} set src 192.0.2.1|exit|vrf z| vni \
                     7|exit-vrf|"
                ),
            ),
        ];
        assert_eq!(shown("8.4.4"), wanted.into_iter().collect());
    }

    #[test]
    fn what_zebra_has_from_mgmtd_is_not_zebras() {
        let text = "ip prefix-list own seq 5 permit 0.0.0.0/0 le 32\npassword x\n";
        let held = |version: &str| {
            let version = version.parse().unwrap();
            held(Config::parse(text), Daemon::Zebra, version).to_string()
        };
        assert_eq!(held("10.7"), "password x\n");
        assert_eq!(held("9.1"), Config::parse(text).to_string());
    }

    #[test]
    fn what_mgmtd_took_over_is_told_to_mgmtd() {
        let parts = shown("10.1");
        assert_eq!(
            parts["mgmtd"],
            "ip prefix-list own seq 5 permit 0.0.0.0/0 le 32|ip protocol bgp route-map src|ip route \
             192.0.2.0/24 blackhole|route-map src permit 1| match ip address prefix-list own| set \
             src 192.0.2.1|exit|vrf z| ip route 198.51.100.0/24 blackhole| vni 7|exit-vrf|"
        );
        assert!(!parts.contains_key("staticd") && !parts.contains_key("zebra"));
    }
}
