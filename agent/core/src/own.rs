//! What is ours, and why we may say so.
//!
//! # Guarantees
//! A device is ours when it bears at least two of our three marks: the link group, the alias of our
//! cluster, a number from our range. One mark alone can be chance; two are not. An alias that names
//! another cluster overrules everything: that device is another agent's.
//!
//! Of a port of Open vSwitch the switch's database says whose it is, by the cluster's whole id, from
//! the transaction on that makes it. The kernel chooses its number, and others may lose its marks.
//!
//! A kernel sets group and number in the moment it makes the device, so there is no moment in which
//! a device of ours cannot be recognised, even when the agent dies between two messages; and when
//! someone changes one mark, the two others are left to put it back by.

use std::ops::RangeInclusive;

use weft_model::plan::Origin;
use weft_model::revision::ClusterId;
use weft_model::text::Text;

use crate::seen::{SeenKind, SeenLink, SeenPlug};

/// The link group of devices in use: `Weft` in ASCII.
pub const GROUP: u32 = 0x5765_6674;

/// The link groups of devices that wait to be destroyed, all of a group with one message.
///
/// There are several because a kernel keeps its network lock while it destroys a group, 20 ms per
/// bridge: a group must stay small enough that nobody on the host notices.
pub const DOOMED: RangeInclusive<u32> = 0x5764_0000..=UNPLUGGED;

/// The one of them that has ports of Open vSwitch, which only their switch can destroy.
pub const UNPLUGGED: u32 = 0x5764_0100;

/// The key in the database of Open vSwitch under which a port has the id of its cluster.
pub const SWITCH_MARK: &str = "weft-cluster";

/// The numbers of our devices; kernels count up from 1 and never come here by themselves.
pub const INDEXES: RangeInclusive<u32> = 0x5700_0000..=0x57ff_ffff;

/// The protocol number that our routes carry, `W` in ASCII; no routing daemon is known to use it.
pub const ROUTE_PROTOCOL: u8 = 0x57;

/// What stands before the name of a host network in an alias; no zone's name begins so.
const HOST: char = '@';

/// What stands before the name of a controller there.
const CONTROLLER: char = '%';

/// What stands before the name of a fabric there.
const FABRIC: char = '~';

/// What stands before the name of a snippet of FRR's configuration there.
const SNIPPET: char = '&';

/// How long a device's alias may be, in bytes (`IFALIASZ` less the final zero).
const LONGEST_ALIAS: usize = 255;

/// The group in which a device waits to be destroyed: neighbours in number share one.
pub fn doomed_group(index: u32) -> u32 {
    DOOMED.start() + ((index >> 6) & 0xff)
}

/// The group in which this device waits to be destroyed.
pub fn doomed_group_of(link: &SeenLink) -> u32 {
    match link.kind {
        SeenKind::Switched(_) => UNPLUGGED,
        _ => doomed_group(link.index),
    }
}

/// Whether `group` is one of those that wait to be destroyed.
pub fn is_doomed(group: u32) -> bool {
    DOOMED.contains(&group)
}

/// The name of a device that had to give its own to another and waits to be destroyed. The tilde
/// keeps it apart from everything that a user could ask for.
pub fn retired_name(index: u32) -> String {
    format!("weft~{index:x}")
}

/// Whether an alias says that a device is there for a host network: it is as much the host's as ours.
pub fn is_hosts(alias: Option<&str>) -> bool {
    let words = alias.and_then(|alias| alias.strip_prefix("weft "));
    let of = words.and_then(|words| words.split(' ').nth(1));
    of.is_some_and(|of| of.starts_with(HOST))
}

/// Tells our devices from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    cluster: ClusterId,
}

impl Owner {
    /// The owner of what belongs to this cluster.
    pub fn new(cluster: ClusterId) -> Self {
        Self { cluster }
    }

    /// The alias that a device gets: `weft 0a1b2c3d zone/vnet +joined "the user's name"`.
    ///
    /// A user's name that does not fit any more is cut.
    pub fn alias(&self, origin: &Origin, marks: Marks, users: Option<&Text>) -> String {
        let mut alias = self.mark();
        match origin {
            Origin::Zone { zone, vnet } => {
                alias.push_str(zone.as_str());
                if let Some(vnet) = vnet {
                    alias.push('/');
                    alias.push_str(vnet.as_str());
                }
            }
            Origin::Host { host } => {
                alias.push(HOST);
                alias.push_str(host.as_str());
            }
            Origin::Controller { controller } => {
                alias.push(CONTROLLER);
                alias.push_str(controller.as_str());
            }
            Origin::Fabric { fabric } => {
                alias.push(FABRIC);
                alias.push_str(fabric.as_str());
            }
            Origin::Snippet { snippet } => {
                alias.push(SNIPPET);
                alias.push_str(snippet.as_str());
            }
        }
        for mark in marks.words() {
            alias.push_str(mark);
        }
        if let Some(users) = users.filter(|users| !users.as_str().is_empty()) {
            let room = LONGEST_ALIAS.saturating_sub(alias.len() + 3);
            let text = users.as_str();
            let end = (0..=room.min(text.len()))
                .rev()
                .find(|end| text.is_char_boundary(*end))
                .unwrap_or(0);
            alias.push_str(" \"");
            alias.push_str(&text[..end]);
            alias.push('"');
        }
        alias
    }

    /// The cluster.
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// Whether a port of Open vSwitch is ours.
    pub fn plugged(&self, plug: &SeenPlug) -> bool {
        plug.cluster == self.cluster.as_str()
    }

    /// Whether the device is one of the host's that bears the mark of being lent to us.
    pub fn has_lent(&self, link: &SeenLink) -> bool {
        let alias = link.alias.as_deref();
        matches!(self.read(alias), Alias::Ours) && Marks::of(alias).lent
    }

    /// Whether the device may be lent: no other cluster's agent says that it is its own.
    pub fn may_borrow(&self, link: &SeenLink) -> bool {
        !matches!(self.read(link.alias.as_deref()), Alias::AnotherClusters) && !self.owns(link)
    }

    /// Whether the device is ours.
    pub fn owns(&self, link: &SeenLink) -> bool {
        if let SeenKind::Switched(plug) = &link.kind {
            return self.plugged(plug);
        }
        let group = link.group == GROUP || is_doomed(link.group);
        let index = INDEXES.contains(&link.index);
        match self.read(link.alias.as_deref()) {
            Alias::Ours => group || index,
            Alias::AnotherClusters => false,
            Alias::Neither => group && index,
        }
    }

    /// The objects that a device of ours was made for, by its alias: for what no plan has any more.
    pub fn origin(&self, link: &SeenLink) -> Option<Origin> {
        let words = link.alias.as_deref()?.strip_prefix(&self.mark())?;
        // Of a device that is there for a zone as a whole nothing is said: what someone wrote there
        // by hand may look like the name of a zone.
        let word = words.split(' ').next()?;
        if let Some(host) = word.strip_prefix(HOST) {
            return Some(Origin::Host {
                host: host.parse().ok()?,
            });
        }
        if let Some(controller) = word.strip_prefix(CONTROLLER) {
            return Some(Origin::Controller {
                controller: controller.parse().ok()?,
            });
        }
        if let Some(fabric) = word.strip_prefix(FABRIC) {
            return Some(Origin::Fabric {
                fabric: fabric.parse().ok()?,
            });
        }
        if let Some(snippet) = word.strip_prefix(SNIPPET) {
            return Some(Origin::Snippet {
                snippet: snippet.parse().ok()?,
            });
        }
        let (zone, vnet) = word.split_once('/')?;
        Some(Origin::Zone {
            zone: zone.parse().ok()?,
            vnet: Some(vnet.parse().ok()?),
        })
    }

    fn mark(&self) -> String {
        format!("weft {} ", self.cluster.short())
    }

    fn read(&self, alias: Option<&str>) -> Alias {
        let Some(rest) = alias.and_then(|alias| alias.strip_prefix("weft ")) else {
            return Alias::Neither;
        };
        match rest.split_once(' ') {
            Some((cluster, _)) if cluster == self.cluster.short() => Alias::Ours,
            Some((cluster, _)) if is_cluster(cluster) => Alias::AnotherClusters,
            Some(_) | None => Alias::Neither,
        }
    }
}

/// What we did to someone else's device on behalf of one of ours, and have to take back one day.
///
/// It stands in the alias of ours, where it is there exactly as long as the device is, whatever
/// happens to the agent and its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A VLAN: its bridge was made to take part in it.
    pub joined: bool,
    /// A bridge: guests' ports were kept from reaching each other.
    pub isolated: bool,
    /// A bridge: guests' ports were kept from being learned.
    pub unlearned: bool,
    /// It is a device of the host, and gets back what we changed.
    pub lent: bool,
    /// A tunnel device: who is behind which peer is told by BGP, so that its entries are not ours.
    pub told: bool,
}

const JOINED: &str = " +joined";
const ISOLATED: &str = " +isolated";
const UNLEARNED: &str = " +unlearned";
const LENT: &str = " +lent";
const TOLD: &str = " +bgp";

impl Marks {
    /// The marks in an alias of ours. What the user named the device stands in quotes behind them.
    pub fn of(alias: Option<&str>) -> Self {
        let alias = alias.unwrap_or_default();
        let ours = alias.split_once(" \"").map_or(alias, |(ours, _)| ours);
        Self {
            joined: ours.contains(JOINED),
            isolated: ours.contains(ISOLATED),
            unlearned: ours.contains(UNLEARNED),
            lent: ours.contains(LENT),
            told: ours.contains(TOLD),
        }
    }

    fn words(self) -> impl Iterator<Item = &'static str> {
        let words = [
            self.joined.then_some(JOINED),
            self.isolated.then_some(ISOLATED),
            self.unlearned.then_some(UNLEARNED),
            self.lent.then_some(LENT),
            self.told.then_some(TOLD),
        ];
        words.into_iter().flatten()
    }
}

/// The alias without the mark of a VLAN that its bridge was made to take part in.
pub fn without_joined(alias: &str) -> String {
    alias.replacen(JOINED, "", 1)
}

enum Alias {
    Ours,
    AnotherClusters,
    Neither,
}

fn is_cluster(text: &str) -> bool {
    text.len() == 8
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner::new(ClusterId::from_bytes([0x0a; 16]))
    }

    fn link(index: u32, group: u32, alias: Option<&str>) -> SeenLink {
        let mut link = SeenLink::new(index, "x", SeenKind::Other);
        link.group = group;
        link.alias = alias.map(str::to_owned);
        link
    }

    const OURS: &str = "weft 0a0a0a0a prod/web";
    const ANOTHERS: &str = "weft 0b0b0b0b prod/web";

    #[test]
    fn what_others_leave_on_a_host_is_never_ours() {
        let bridge = || SeenKind::Bridge {
            spanning_tree: false,
            forward_delay: 1500,
            bare_ports: false,
            vlans: None,
        };
        for (name, index, group, alias) in [
            ("lo", 1, 0, None),
            ("eth0", 2, 0, Some("uplink to rack 4")),
            ("vmbr0", 3, 0, None),
            ("docker0", 4, 0, None),
            ("virbr0", 5, 0, None),
            ("br-5c2f1e0d9a7b", 6, 0, None),
            ("cni0", 7, 0, None),
            ("flannel.1", 8, 0, None),
            ("tap100i0", 9, 0, None),
            ("fwbr100i0", 10, 0, None),
            ("fwpr100p0", 11, 0, None),
            ("vxlan_web", 12, 0, Some("by hand, do not touch")),
            ("web", 13, 1, Some("weft")),
            ("weft0", 14, 0x5765_6674, None),
            ("weft~57000001", 15, 0, None),
            ("far", 0x5700_0010, 0, None),
            ("copy", 16, 0, Some(OURS)),
            ("theirs", 0x5700_0011, 0x5765_6674, Some(ANOTHERS)),
        ] {
            let mut link = link(index, group, alias);
            link.name = name.to_owned();
            link.kind = bridge();
            assert!(!owner().owns(&link), "{name}");
        }
    }

    #[test]
    fn two_marks_of_three_are_enough_whichever_is_lost() {
        let index = *INDEXES.start() + 5;
        for (index, group, alias) in [
            (index, GROUP, Some(OURS)),
            (index, doomed_group(index), Some(OURS)),
            (index, GROUP, None),
            (index, GROUP, Some("changed by hand")),
            (index, 0, Some(OURS)),
            (40, GROUP, Some(OURS)),
        ] {
            assert!(
                owner().owns(&link(index, group, alias)),
                "{index} {group} {alias:?}"
            );
        }
    }

    #[test]
    fn a_port_of_open_vswitch_is_whose_the_switch_says_that_it_is() {
        let plug = |cluster: &str| {
            SeenKind::Switched(Box::new(SeenPlug {
                switch: "vmbr0".to_owned(),
                port: None,
                cluster: cluster.to_owned(),
            }))
        };
        let mut port = link(57, 0, None);
        port.kind = plug(&"0a".repeat(16));
        assert!(owner().owns(&port));
        assert_eq!(doomed_group_of(&port), UNPLUGGED);
        for other in ["0b".repeat(16), "0a0a0a0a".to_owned(), String::new()] {
            let mut port = link(*INDEXES.start(), GROUP, Some(OURS));
            port.kind = plug(&other);
            assert!(!owner().owns(&port), "{other}");
        }
    }

    #[test]
    fn an_alias_names_cluster_zone_vnet_and_what_fits_of_the_users_name() {
        let origin = Origin::Zone {
            zone: "z".repeat(63).parse().unwrap(),
            vnet: Some("v".repeat(63).parse().unwrap()),
        };
        let long: Text = "ü".repeat(100).parse().unwrap();
        let alias = owner().alias(&origin, Marks::default(), Some(&long));
        assert!(alias.len() <= LONGEST_ALIAS, "{}", alias.len());
        assert!(alias.ends_with("üü\""), "{alias}");
        let origin = Origin::Zone {
            zone: "prod".parse().unwrap(),
            vnet: Some("web".parse().unwrap()),
        };
        let short: Text = "Web servers".parse().unwrap();
        assert_eq!(
            owner().alias(&origin, Marks::default(), Some(&short)),
            "weft 0a0a0a0a prod/web \"Web servers\""
        );
        assert_eq!(owner().alias(&origin, Marks::default(), None), OURS);
        for (alias, known) in [
            ("weft 0a0a0a0a prod/web \"Web servers\"", Some(&origin)),
            (OURS, Some(&origin)),
            (ANOTHERS, None),
            ("weft 0a0a0a0a changed by hand", None),
        ] {
            let link = link(*INDEXES.start(), GROUP, Some(alias));
            assert_eq!(owner().origin(&link).as_ref(), known, "{alias}");
        }
    }

    #[test]
    fn what_was_done_to_other_devices_is_read_from_the_alias() {
        let origin = Origin::Zone {
            zone: "prod".parse().unwrap(),
            vnet: None,
        };
        let marks = Marks {
            joined: true,
            isolated: false,
            unlearned: true,
            ..Marks::default()
        };
        let users: Text = "x +isolated".parse().unwrap();
        let alias = owner().alias(&origin, marks, Some(&users));
        assert_eq!(
            alias,
            "weft 0a0a0a0a prod +joined +unlearned \"x +isolated\""
        );
        assert_eq!(Marks::of(Some(&alias)), marks);
        assert_eq!(
            Marks::of(Some("weft 0a0a0a0a prod/web \"+joined\"")),
            Marks::default()
        );
        assert_eq!(without_joined("weft 0a0a0a0a prod/web +joined"), OURS);
    }
}
