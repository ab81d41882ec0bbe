//! What a plan wants of FRR, as the lines that FRR itself would show.

use std::collections::BTreeMap;

use weft_model::plan::frr::snippet::{Snippet, SnippetLine};
use weft_model::plan::frr::{Frr, Stanza, text};
use weft_model::plan::{NodePlan, Origin};

use super::config::Config;
use super::grammar::{section_slot, slot};
use super::version::{Unknown, Version, leave_out};
use weft_model::plan::frr::text::Place;

/// What a plan wants of FRR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// The lines.
    pub config: Config,
    /// For whom the outermost sections are, and the lines outside of all: the first of several.
    pub origins: BTreeMap<String, Origin>,
    /// What this version of FRR does not know.
    pub unknown: Vec<Unknown>,
}

impl Want {
    /// What a plan wants of an FRR of this version.
    pub fn new(plan: &NodePlan, version: Version) -> Self {
        let mut want = Self::default();
        let mut snippets: Vec<(&Frr, &Snippet)> = Vec::new();
        for frr in plan.stanzas() {
            if let Stanza::Snippet(snippet) = &frr.stanza {
                snippets.push((frr, snippet));
                continue;
            }
            for (place, line) in text::stanza(&frr.stanza) {
                want.note(&place, line.as_deref(), &frr.origin);
                let lines = want.config.open(&place);
                lines.extend(line);
            }
        }
        snippets.sort_by_key(|(_, snippet)| (snippet.order, &snippet.name));
        for (frr, snippet) in snippets {
            want.overlay(&Place::TOP, &snippet.lines, &frr.origin);
        }
        want.unknown = leave_out(&mut want.config, version);
        want
    }

    /// For whom a line is.
    pub fn origin(&self, place: &Place, line: &str) -> Option<&Origin> {
        let key = if *place == Place::TOP {
            line
        } else {
            place.section()
        };
        self.origins.get(key)
    }

    fn note(&mut self, place: &Place, line: Option<&str>, origin: &Origin) {
        let key = if *place == Place::TOP {
            line
        } else {
            Some(place.section())
        };
        if let Some(key) = key
            && !self.origins.contains_key(key)
        {
            self.origins.insert(key.to_owned(), origin.clone());
        }
    }

    /// Lays an administrator's lines over what is there: the later holds.
    fn overlay(&mut self, place: &Place, lines: &[SnippetLine], origin: &Origin) {
        for SnippetLine { text, inside } in lines {
            let text = text.as_str();
            if let Some(inside) = inside {
                let section = place.inside(text);
                self.replace_section(place, text);
                self.note(&section, None, origin);
                self.config.open(&section);
                self.overlay(&section, inside, origin);
                continue;
            }
            let of = slot(place, text).0;
            let same: Vec<String> = self
                .config
                .lines(place)
                .filter(|line| slot(place, line).0 == of)
                .map(str::to_owned)
                .collect();
            let mut takes_away = false;
            for line in same {
                takes_away |= text
                    .strip_prefix("no ")
                    .is_some_and(|rest| line.starts_with(rest));
                self.config.remove(place, &line);
            }
            if !takes_away {
                self.note(place, Some(text), origin);
                self.config.add(place, text);
            }
        }
    }

    /// Takes out a section that cannot be there beside this one.
    fn replace_section(&mut self, outer: &Place, header: &str) {
        let of = section_slot(header);
        let other: Option<Place> = self
            .config
            .sections()
            .filter_map(|(place, _)| Some((place, place.split()?)))
            .find(|(_, (of_outer, other))| {
                of_outer == outer && *other != header && section_slot(other) == of
            })
            .map(|(place, _)| place.clone());
        if let Some(other) = other {
            self.config.remove_section(&other);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_model::plan::Entry;

    use super::*;

    fn plan(stanzas: &[serde_json::Value]) -> NodePlan {
        stanzas
            .iter()
            .map(|stanza| {
                let frr = json!({ "origin": { "zone": "prod" }, "stanza": stanza });
                Entry::Frr(serde_json::from_value(frr).unwrap())
            })
            .collect()
    }

    #[test]
    fn an_administrators_line_is_added_holds_over_ours_or_takes_ours_away() {
        let evpn = json!({ "text": "address-family l2vpn evpn", "inside": [
            { "text": "advertise-svi-ip" },
            { "text": "no neighbor VTEP route-map IN in" },
        ] });
        let later = json!({ "text": "router bgp 65000", "inside": [
            { "text": "coalesce-time 7" },
            { "text": "no bgp suppress-duplicates" },
            evpn,
        ] });
        let first =
            json!({ "text": "router bgp 65000", "inside": [{ "text": "coalesce-time 5" }] });
        let plan = plan(&[
            json!({ "bgp": {
                "at": { "asn": 65000 }, "routerId": "192.0.2.1", "coalesceTime": 1000,
                "evpn": { "switches": ["advertiseAllVni"] },
            } }),
            json!({ "neighbor": {
                "at": { "asn": 65000 }, "peer": { "group": ["VTEP", "internal"] },
                "evpn": { "routeMapIn": "IN" },
            } }),
            json!({ "snippet": { "name": "b", "order": 1, "lines": [first] } }),
            json!({ "snippet": { "name": "a", "order": 2, "lines": [later] } }),
        ]);
        let want = Want::new(&plan, Version::OLDEST);
        assert_eq!(
            want.config.to_string(),
            "router bgp 65000\n bgp router-id 192.0.2.1\n coalesce-time 7\n neighbor VTEP \
             peer-group\n neighbor VTEP remote-as internal\n no bgp suppress-duplicates\n \
             address-family l2vpn evpn\n  advertise-all-vni\n  advertise-svi-ip\n  neighbor VTEP \
             activate\n exit-address-family\nexit\n"
        );
        let bgp: Place = ["router bgp 65000"].into_iter().collect();
        assert_eq!(want.origin(&bgp, "").unwrap().to_string(), "zone prod");
    }
}
