//! The lines of a stanza, as FRR itself shows them.

use std::fmt::Display;

use weft_model::plan::frr::Stanza;
use weft_model::prefix::Family;

use super::config::Place;

mod bgp;
mod igp;
mod policy;
mod route;

/// A line and its place; a place without a line is a section that may be empty.
pub type Rendered = Vec<(Place, Option<String>)>;

/// The lines of a stanza. It may share its sections with others.
pub fn stanza(stanza: &Stanza) -> Rendered {
    let mut text = Text::default();
    match stanza {
        Stanza::Vrf(vrf) => route::vrf(&mut text, vrf),
        Stanza::Static(route) => route::static_route(&mut text, route),
        Stanza::RouteSource(source) => route::source(&mut text, source),
        Stanza::PrefixList(list) => policy::prefix_list(&mut text, list),
        Stanza::CommunityList(list) => policy::community_list(&mut text, list),
        Stanza::AsPathList(list) => policy::as_path_list(&mut text, list),
        Stanza::RouteMap(map) => policy::route_map(&mut text, map),
        Stanza::BfdProfile(profile) => policy::bfd_profile(&mut text, profile),
        Stanza::Bgp(instance) => bgp::instance(&mut text, instance),
        Stanza::Neighbor(neighbor) => bgp::neighbor(&mut text, neighbor),
        Stanza::Network(network) => bgp::network(&mut text, network),
        Stanza::Isis(isis) => igp::isis(&mut text, isis),
        Stanza::OpenFabric(fabric) => igp::openfabric(&mut text, fabric),
        Stanza::Ospf(ospf) => igp::ospf(&mut text, ospf),
        Stanza::Interface(interface) => igp::interface(&mut text, interface),
        // The administrator's lines are laid over all others, in their own order.
        Stanza::Snippet(_) => {}
    }
    text.lines
}

/// A text that is being written.
#[derive(Default)]
struct Text {
    place: Place,
    lines: Rendered,
}

impl Text {
    fn line(&mut self, line: impl Display) {
        self.lines
            .push((self.place.clone(), Some(line.to_string())));
    }

    fn line_where(&mut self, is_so: bool, line: impl Display) {
        if is_so {
            self.line(line);
        }
    }

    /// A line whose last word is a value, where there is one.
    fn value(&mut self, words: impl Display, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(format_args!("{words} {value}"));
        }
    }

    /// A section that is there even when nothing stands in it.
    fn section(&mut self, header: impl Display, write: impl FnOnce(&mut Self)) {
        let outer = self.place.clone();
        self.place = outer.inside(header.to_string());
        self.lines.push((self.place.clone(), None));
        write(self);
        self.place = outer;
    }
}

fn ip(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ipv6",
    }
}

fn unicast(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}
