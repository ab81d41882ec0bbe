//! FRR's configuration as sections of lines, and its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use weft_model::plan::frr::text::Place;

use super::grammar::in_full;

/// Sections of lines. A section may be there without a line. Cloning costs by sections, not by lines:
/// what nobody changes is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<(Place, BTreeSet<String>)>")]
pub struct Config {
    sections: BTreeMap<Place, Arc<BTreeSet<String>>>,
}

impl From<Vec<(Place, BTreeSet<String>)>> for Config {
    fn from(sections: Vec<(Place, BTreeSet<String>)>) -> Self {
        let shared = |(place, lines)| (place, Arc::new(lines));
        Self {
            sections: sections.into_iter().map(shared).collect(),
        }
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sections())
    }
}

impl Config {
    /// Makes a section and all that it stands in.
    pub fn open(&mut self, place: &Place) -> &mut BTreeSet<String> {
        if !self.sections.contains_key(place)
            && let Some((outer, _)) = place.split()
        {
            self.open(&outer);
        }
        Arc::make_mut(self.sections.entry(place.clone()).or_default())
    }

    /// Adds a line, and the sections that it stands in.
    pub fn add(&mut self, place: &Place, line: impl Into<String>) {
        if let Some(lines) = self.sections.get_mut(place) {
            Arc::make_mut(lines).insert(line.into());
        } else {
            self.open(place).insert(line.into());
        }
    }

    /// Takes a line out.
    pub fn remove(&mut self, place: &Place, line: &str) -> bool {
        self.sections
            .get_mut(place)
            .is_some_and(|lines| lines.contains(line) && Arc::make_mut(lines).remove(line))
    }

    /// Takes a section out, with all that stands in it.
    pub fn remove_section(&mut self, place: &Place) {
        self.sections.retain(|other, _| !other.is_in(place));
    }

    /// Whether the line is there.
    pub fn has(&self, place: &Place, line: &str) -> bool {
        self.sections
            .get(place)
            .is_some_and(|lines| lines.contains(line))
    }

    /// Whether the section is there.
    pub fn has_section(&self, place: &Place) -> bool {
        self.sections.contains_key(place)
    }

    /// The lines of a section, without those of sections in it.
    pub fn lines(&self, place: &Place) -> impl Iterator<Item = &str> {
        let lines = self.sections.get(place).map(|lines| lines.iter());
        lines.into_iter().flatten().map(String::as_str)
    }

    /// Every section and its lines; a section stands before those in it.
    pub fn sections(&self) -> impl DoubleEndedIterator<Item = (&Place, &BTreeSet<String>)> {
        self.sections.iter().map(|(place, lines)| (place, &**lines))
    }

    /// A section, and those in it.
    pub fn within<'a>(
        &'a self,
        place: &'a Place,
    ) -> impl Iterator<Item = (&'a Place, &'a BTreeSet<String>)> {
        self.sections
            .range(place.clone()..)
            .take_while(|(other, _)| other.is_in(place))
            .map(|(place, lines)| (place, &**lines))
    }

    /// Every line, with its place.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.sections
            .iter()
            .flat_map(|(place, lines)| lines.iter().map(move |line| (place, line.as_str())))
    }

    /// Whether there is neither line nor section.
    pub fn is_empty(&self) -> bool {
        self.sections
            .iter()
            .all(|(place, lines)| *place == Place::TOP && lines.is_empty())
    }

    /// Reads what FRR writes of itself, or a configuration file.
    ///
    /// A line is a section's header when a line stands further in below it, or it is left by an
    /// `exit` at its own depth.
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut open: Vec<OpenLine> = Vec::new();
        for raw in text.lines() {
            let line = raw.trim();
            if line.is_empty() || line.starts_with(['!', '#']) || is_preamble(line) {
                continue;
            }
            let depth = raw.len() - raw.trim_start().len();
            if line == "end" {
                open.clear();
                continue;
            }
            if is_exit(line) {
                while open.last().is_some_and(|last| last.depth > depth) {
                    open.pop();
                }
                if open.last().is_some_and(|last| last.depth == depth) {
                    config.make_section(&mut open);
                    open.pop();
                }
                continue;
            }
            while open.last().is_some_and(|last| last.depth >= depth) {
                open.pop();
            }
            let place = config.make_section(&mut open);
            let words: Vec<&str> = line.split_whitespace().collect();
            let line = in_full(words.join(" "));
            config.add(&place, line.clone());
            open.push(OpenLine {
                depth,
                line,
                outer: place,
                section: None,
            });
        }
        config
    }

    /// Makes the last of the open lines a section; says where what follows stands.
    fn make_section(&mut self, open: &mut [OpenLine]) -> Place {
        let Some(last) = open.last_mut() else {
            return Place::TOP;
        };
        let OpenLine { line, outer, .. } = last;
        let section = last.section.get_or_insert_with(|| {
            self.remove(outer, line);
            let section = outer.inside(line.as_str());
            self.open(&section);
            section
        });
        section.clone()
    }
}

/// A line that others may stand in.
struct OpenLine {
    depth: usize,
    line: String,
    outer: Place,
    /// The section that it is the header of, once something stands in it.
    section: Option<Place>,
}

/// What FRR writes above a configuration, which is none of it.
fn is_preamble(line: &str) -> bool {
    line == "Current configuration:"
        || line == "Building configuration..."
        || line.starts_with("frr version ")
        || line.starts_with("frr defaults ")
}

fn is_exit(line: &str) -> bool {
    matches!(
        line,
        "exit" | "exit-vrf" | "exit-address-family" | "exit-vni" | "exit-link-params"
    )
}

/// The line by which a section is left.
pub fn exit(header: &str) -> &'static str {
    match header.split(' ').next() {
        Some("vrf") => "exit-vrf",
        Some("address-family") => "exit-address-family",
        Some("vni") => "exit-vni",
        _ => "exit",
    }
}

impl fmt::Display for Config {
    /// Writes the text that FRR would read, every section whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open: Vec<&str> = Vec::new();
        let close = |f: &mut fmt::Formatter<'_>, open: &mut Vec<&str>, keep: usize| {
            while open.len() > keep {
                let Some(header) = open.pop() else { break };
                writeln!(f, "{:open$}{}", "", exit(header), open = open.len())?;
            }
            Ok::<_, fmt::Error>(())
        };
        for (place, lines) in &self.sections {
            let headers = place.headers();
            let shared = open
                .iter()
                .zip(headers)
                .take_while(|(one, other)| **one == other.as_str())
                .count();
            close(f, &mut open, shared)?;
            for header in &headers[shared..] {
                writeln!(f, "{:open$}{header}", "", open = open.len())?;
                open.push(header);
            }
            for line in lines.iter() {
                writeln!(f, "{:open$}{line}", "", open = open.len())?;
            }
        }
        close(f, &mut open, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults traditional
hostname n1
!
interface eth1
exit
!
vrf vrf_z
 vni 1000
exit-vrf
!
router bgp 65000
 bgp router-id 192.0.2.1
 !
 address-family l2vpn evpn
  advertise-all-vni
  vni 1000
   rd 1:1
  exit-vni
  advertise-svi-ip
 exit-address-family
!
exit
!
route-map M permit 1
exit
!
end
";

    #[test]
    fn sections_are_known_by_what_stands_in_them_or_by_their_end() {
        let config = Config::parse(TEXT);
        let bgp: Place = ["router bgp 65000"].into_iter().collect();
        let evpn = bgp.inside("address-family l2vpn evpn");
        let mut wanted = Config::default();
        wanted.add(&Place::TOP, "hostname n1");
        wanted.open(&["interface eth1"].into_iter().collect());
        wanted.add(&["vrf vrf_z"].into_iter().collect(), "vni 1000");
        wanted.add(&bgp, "bgp router-id 192.0.2.1");
        wanted.add(&evpn, "advertise-all-vni");
        wanted.add(&evpn, "advertise-svi-ip");
        wanted.add(&evpn.inside("vni 1000"), "rd 1:1");
        wanted.open(&["route-map M permit 1"].into_iter().collect());
        assert_eq!(config, wanted);
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let config = Config::parse(TEXT);
        assert_eq!(Config::parse(&config.to_string()), config);
    }
}
