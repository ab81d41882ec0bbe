//! The lines of a stanza, as FRR itself shows them.

use std::fmt::{self, Display};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::Stanza;
use super::snippet::SnippetLine;
use crate::prefix::Family;

mod bgp;
mod igp;
mod policy;
mod route;

/// Where a line stands: the headers of its sections, outermost first. Empty is outside of all.
/// Cloning is cheap (the headers are shared).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Place(Option<Arc<[String]>>);

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.headers().serialize(serializer)
    }
}

impl From<Vec<String>> for Place {
    fn from(headers: Vec<String>) -> Self {
        // Nothing is said in one way only, so that places are equal when what they say is.
        Self((!headers.is_empty()).then(|| headers.into()))
    }
}

impl Place {
    /// Outside of all sections.
    pub const TOP: Self = Self(None);

    /// The headers, outermost first.
    pub fn headers(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The header of the outermost section.
    pub fn section(&self) -> &str {
        self.headers().first().map_or("", String::as_str)
    }

    /// The header of the innermost section.
    pub fn header(&self) -> &str {
        self.headers().last().map_or("", String::as_str)
    }

    /// What the innermost section stands in, and its header; `None` outside of all.
    pub fn split(&self) -> Option<(Self, &str)> {
        let (last, rest) = self.headers().split_last()?;
        Some((rest.to_vec().into(), last))
    }

    /// A section in this one.
    #[must_use]
    pub fn inside(&self, header: impl Into<String>) -> Self {
        let mut headers = self.headers().to_vec();
        headers.push(header.into());
        headers.into()
    }

    /// The same place under another outermost header.
    #[must_use]
    pub fn moved(&self, section: &str) -> Self {
        let mut headers = self.headers().to_vec();
        if let Some(first) = headers.first_mut() {
            section.clone_into(first);
        }
        headers.into()
    }

    /// Whether it is `outer` or stands in it.
    pub fn is_in(&self, outer: &Self) -> bool {
        self.headers().starts_with(outer.headers())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headers().join(" / "))
    }
}

impl<S: Into<String>> FromIterator<S> for Place {
    fn from_iter<I: IntoIterator<Item = S>>(headers: I) -> Self {
        headers
            .into_iter()
            .map(Into::into)
            .collect::<Vec<String>>()
            .into()
    }
}

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
        // On the node they are laid over all others, in their own order.
        Stanza::Snippet(it) => snippet(&mut text, &it.lines),
    }
    text.lines
}

/// The line as people may see it: a password is not shown.
pub fn without_secret(line: &str) -> String {
    const WORD: &str = " password ";
    match line.find(WORD) {
        Some(at) => format!("{}(not shown)", &line[..at + WORD.len()]),
        None => line.to_owned(),
    }
}

fn snippet(text: &mut Text, lines: &[SnippetLine]) {
    for SnippetLine { text: line, inside } in lines {
        match inside {
            None => text.line(line),
            Some(inside) => text.section(line, |text| snippet(text, inside)),
        }
    }
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
