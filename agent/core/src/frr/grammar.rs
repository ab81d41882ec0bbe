//! What must be known of FRR's language to change a running configuration: which lines say something
//! of the same thing, what takes a line or a section away, and what goes with what.

use weft_model::plan::frr::text::Place;

/// What happens to a line when another says something of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The other takes its place at once.
    InPlace,
    /// It must go first: FRR refuses the other while it is there.
    DeleteFirst,
}

/// What a line says something of, within its section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(String);

/// Lines that have a value, by the beginning of their section's header. In a template `*` is a word
/// that tells one thing from another, `=` a value, and `~` the rest of the line.
const TABLE: &[(&str, Swap, &[&str])] = &[
    (
        "router bgp",
        Swap::InPlace,
        &[
            "bgp router-id =",
            "bgp cluster-id =",
            "bgp confederation identifier =",
            "bgp default local-preference =",
            "bgp graceful-restart restart-time =",
            "bgp graceful-restart stalepath-time =",
            "bgp listen limit =",
            "coalesce-time =",
            "timers bgp ~",
            "neighbor * remote-as =",
            "neighbor * description ~",
            "neighbor * password ~",
            "neighbor * update-source =",
            "neighbor * ebgp-multihop ~",
            "neighbor * timers connect =",
            "neighbor * timers = =",
            "neighbor * bfd profile =",
            "neighbor * local-as ~",
        ],
    ),
    (
        "router bgp",
        Swap::DeleteFirst,
        &[
            "neighbor * peer-group ~",
            "neighbor * interface ~",
            "bgp listen range * peer-group =",
        ],
    ),
    (
        "address-family",
        Swap::InPlace,
        &[
            "neighbor * route-map = in",
            "neighbor * route-map = out",
            "neighbor * prefix-list = in",
            "neighbor * prefix-list = out",
            "neighbor * allowas-in ~",
            "neighbor * maximum-prefix ~",
            "redistribute * ~",
            "maximum-paths ibgp ~",
            "maximum-paths =",
            "import vrf route-map =",
            "advertise ipv4 unicast ~",
            "advertise ipv6 unicast ~",
            "rd =",
        ],
    ),
    ("vni", Swap::InPlace, &["rd ="]),
    ("vrf", Swap::DeleteFirst, &["vni ~"]),
    (
        "route-map",
        Swap::InPlace,
        &[
            "match ip address prefix-list =",
            "match ip next-hop prefix-list =",
            "match ip next-hop address =",
            "match ipv6 address prefix-list =",
            "match ipv6 next-hop prefix-list =",
            "match ipv6 next-hop address =",
            "match evpn vni =",
            "match evpn route-type =",
            "match evpn default-route",
            "match metric =",
            "match tag =",
            "match local-preference =",
            "match peer =",
            "match community ~",
            "match extcommunity ~",
            "match large-community ~",
            "match as-path =",
            "set metric =",
            "set tag =",
            "set weight =",
            "set local-preference =",
            "set src =",
            // FRR keeps these beside an address.
            "set ip next-hop peer-address",
            "set ip next-hop unchanged",
            "set ip next-hop =",
            "set ipv6 next-hop global =",
            "set community ~",
            "set large-community ~",
            "set extcommunity rt ~",
            "set as-path prepend ~",
            "call =",
            "on-match ~",
            "description ~",
        ],
    ),
    (
        "profile",
        Swap::InPlace,
        &[
            "detect-multiplier =",
            "receive-interval =",
            "transmit-interval =",
            "minimum-ttl =",
        ],
    ),
    (
        "router isis",
        Swap::InPlace,
        &["is-type =", "metric-style =", "lsp-gen-interval ~"],
    ),
    ("router isis", Swap::DeleteFirst, &["net ="]),
    (
        "router openfabric",
        Swap::InPlace,
        &["fabric-tier =", "lsp-gen-interval ~"],
    ),
    ("router openfabric", Swap::DeleteFirst, &["net ="]),
    (
        "router ospf",
        Swap::InPlace,
        &["ospf router-id =", "redistribute * ~", "maximum-paths ="],
    ),
    (
        "interface",
        Swap::DeleteFirst,
        &[
            "ip router isis =",
            "ipv6 router isis =",
            "ip router openfabric =",
            "ipv6 router openfabric =",
            "ip ospf area =",
        ],
    ),
    (
        "interface",
        Swap::InPlace,
        &[
            "isis hello-interval ~",
            "isis hello-multiplier ~",
            "isis csnp-interval ~",
            "isis circuit-type =",
            "openfabric hello-interval =",
            "openfabric hello-multiplier =",
            "openfabric csnp-interval =",
            "ip ospf network ~",
            "ip ospf hello-interval =",
            "ip ospf dead-interval =",
            "ip ospf cost =",
        ],
    ),
    (
        "",
        Swap::InPlace,
        &[
            "ip protocol * route-map =",
            "ipv6 protocol * route-map =",
            "bgp as-path access-list * seq * ~",
            "bgp community-list standard * seq * ~",
            "bgp extcommunity-list standard * seq * ~",
            "bgp large-community-list standard * seq * ~",
        ],
    ),
    // The same number with something else in it is refused by 8.4.
    (
        "",
        Swap::DeleteFirst,
        &[
            "ip prefix-list * seq * ~",
            "ipv6 prefix-list * seq * ~",
            "access-list * seq * ~",
        ],
    ),
];

/// Whether a line is of a form.
pub fn fits(template: &str, line: &str) -> bool {
    key(template, line).is_some()
}

/// What a line of this form speaks of; `None` where it is not of it.
fn key(template: &str, line: &str) -> Option<String> {
    let mut key = String::new();
    let mut words = line.split(' ');
    for part in template.split(' ') {
        match part {
            "~" => return Some(key),
            "*" => {
                key.push_str(words.next()?);
            }
            "=" => {
                words.next()?;
                key.push('=');
            }
            part => {
                let word = words.next()?;
                let is_it = match part.strip_suffix('=') {
                    Some(start) => word.starts_with(start),
                    None => word == part,
                };
                if !is_it {
                    return None;
                }
                key.push_str(part);
            }
        }
        key.push(' ');
    }
    words.next().is_none().then_some(key)
}

/// A line as it is said in full: FRR shows some without what holds anyway (seen with 10.7).
pub fn in_full(mut line: String) -> String {
    if fits("neighbor * ebgp-multihop", &line) {
        line.push_str(" 255");
    }
    line
}

/// What a line says something of, and how it makes way for another that does.
pub fn slot(place: &Place, line: &str) -> (Slot, Swap) {
    let text = line.strip_prefix("no ").unwrap_or(line);
    let header = place.header();
    for (section, swap, templates) in TABLE {
        let is_in = if section.is_empty() {
            header.is_empty()
        } else {
            header.starts_with(section)
        };
        if is_in && let Some(key) = templates.iter().find_map(|template| key(template, text)) {
            return (Slot(key), *swap);
        }
    }
    (Slot(text.to_owned()), Swap::InPlace)
}

/// The command that takes a line away.
pub fn negation(place: &Place, line: &str) -> String {
    // FRR knows these without what follows only.
    const SHORT: [&str; 2] = ["neighbor * maximum-prefix ~", "redistribute * ~"];
    // FRR has no command that takes these away: what holds without them is said.
    const USUAL: [(&str, &str); 3] = [
        ("detect-multiplier =", "detect-multiplier 3"),
        ("receive-interval =", "receive-interval 300"),
        ("transmit-interval =", "transmit-interval 300"),
    ];
    if let Some(rest) = line.strip_prefix("no ") {
        return rest.to_owned();
    }
    if place.header().starts_with("route-map ") && fits("on-match goto =", line) {
        return "no on-match goto".to_owned();
    }
    if place.header().starts_with("profile ")
        && let Some((_, usual)) = USUAL.iter().find(|(form, _)| fits(form, line))
    {
        return (*usual).to_owned();
    }
    if place.header().starts_with("address-family") && SHORT.iter().any(|form| fits(form, line)) {
        let count = if line.starts_with("neighbor") { 3 } else { 2 };
        let words: Vec<&str> = line.split(' ').take(count).collect();
        return format!("no {}", words.join(" "));
    }
    format!("no {line}")
}

/// What becomes of a section that nobody wants any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is there as long as what it speaks of, or goes with its last line.
    Never,
    /// Before anything new is said: what comes may need what it holds.
    First,
    /// After everything new is said: something may still speak of it.
    Last,
}

/// Whether it is an instance that devices say that they are part of: they must say no more before it
/// goes.
pub fn speaks_on_devices(header: &str) -> bool {
    header.starts_with("router isis ") || header.starts_with("router openfabric ")
}

/// How a section goes.
pub fn removal(place: &Place) -> Removal {
    let header = place.header();
    let first = header.split(' ').next().unwrap_or_default();
    match (place.headers().len(), first) {
        (0, _) | (1, "vrf" | "interface" | "bfd") | (_, "address-family") => Removal::Never,
        (1, "router") if !speaks_on_devices(header) => Removal::First,
        _ => Removal::Last,
    }
}

/// What a section is, whatever else its header says: two with the same cannot be there together.
pub fn section_slot(header: &str) -> String {
    let words: Vec<&str> = header.split(' ').collect();
    match words.as_slice() {
        ["router", "bgp", _, rest @ ..] => format!("router bgp {}", rest.join(" ")),
        ["route-map", name, _, number] => format!("route-map {name} {number}"),
        _ => header.to_owned(),
    }
}

/// The neighbor that a line of a BGP instance speaks of.
pub fn neighbor(place: &Place, line: &str) -> Option<String> {
    if !place.section().starts_with("router bgp ") {
        return None;
    }
    let text = line.strip_prefix("no ").unwrap_or(line);
    let mut words = text.split(' ');
    (words.next() == Some("neighbor")).then(|| words.next().map(str::to_owned))?
}

/// What makes a neighbor be there: without it FRR forgets everything else that was said of it.
pub fn is_anchor(place: &Place, line: &str) -> bool {
    place.headers().len() == 1
        && [
            "neighbor * peer-group ~",
            "neighbor * interface ~",
            "bgp listen range * peer-group =",
            "neighbor * remote-as =",
        ]
        .iter()
        .any(|form| fits(form, line))
}

/// The order in which lines of one section are said: what others speak of comes first.
pub fn rank(place: &Place, line: &str) -> u8 {
    let header = place.header();
    if header.starts_with("router bgp") {
        return match () {
            () if fits("neighbor * peer-group", line) => 1,
            // Groups have their system before they have members.
            () if fits("neighbor * remote-as =", line) => 2,
            () if is_anchor(place, line) => 3,
            () if line.starts_with("neighbor ") || line.starts_with("no neighbor ") => 4,
            () if line.starts_with("bgp listen range ") => 5,
            () => 0,
        };
    }
    if header.starts_with("address-family") {
        return u8::from(!line.ends_with(" activate") && line != "advertise-all-vni");
    }
    if header.starts_with("interface ") {
        // A device takes part in a protocol before more is said of that.
        return u8::from(!line.contains(" router "));
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(headers: &[&str]) -> Place {
        headers.iter().copied().collect()
    }

    #[test]
    fn lines_with_one_value_are_of_the_same_thing_and_lists_are_not() {
        let bgp = at(&["router bgp 1"]);
        let evpn = bgp.inside("address-family l2vpn evpn");
        let same = |place: &Place, one, other| slot(place, one).0 == slot(place, other).0;
        assert!(same(&bgp, "bgp router-id 1.1.1.1", "bgp router-id 2.2.2.2"));
        assert!(same(&bgp, "neighbor A timers 3 9", "neighbor A timers 1 3"));
        assert!(same(
            &bgp,
            "bgp default ipv4-unicast",
            "no bgp default ipv4-unicast"
        ));
        assert!(!same(
            &bgp,
            "neighbor A timers 3 9",
            "neighbor A timers connect 9"
        ));
        assert!(!same(&bgp, "neighbor A bfd", "neighbor A bfd profile x"));
        assert!(!same(
            &bgp,
            "neighbor A remote-as 1",
            "neighbor B remote-as 1"
        ));
        assert!(!same(
            &evpn,
            "route-target import 1:1",
            "route-target import 2:2"
        ));
        assert!(same(
            &evpn,
            "neighbor A route-map X in",
            "neighbor A route-map Y in"
        ));
        assert!(!same(
            &evpn,
            "neighbor A route-map X in",
            "neighbor A route-map X out"
        ));
        assert_eq!(slot(&at(&["vrf z"]), "vni 7").1, Swap::DeleteFirst);
    }

    #[test]
    fn what_was_switched_off_is_taken_back_by_switching_it_on() {
        let bgp = at(&["router bgp 1"]);
        assert_eq!(
            negation(&bgp, "no bgp default ipv4-unicast"),
            "bgp default ipv4-unicast"
        );
        assert_eq!(
            negation(&bgp, "coalesce-time 1000"),
            "no coalesce-time 1000"
        );
        let family = bgp.inside("address-family ipv4 unicast");
        assert_eq!(
            negation(&family, "redistribute connected route-map M"),
            "no redistribute connected"
        );
        let profile = at(&["bfd", "profile way"]);
        assert_eq!(
            negation(&profile, "transmit-interval 50"),
            "transmit-interval 300"
        );
    }
}
