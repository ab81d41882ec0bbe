//! The administrator's own lines of FRR's, `frr.conf.local`, carried over as a snippet.

use weft_model::name::NameError;
use weft_model::object::FrrSnippet;
use weft_model::object::frr_snippet::{FrrSnippetSpec, SnippetText};
use weft_model::object::selector::NodeSelector;

use super::carry::{Carried, declared};

/// The file, which is beside FRR's own on every node.
pub const FILE: &str = "frr.conf.local";

/// What the snippet is called.
const NAME: &str = "frr-conf-local";

/// The lines as a snippet; `None`, with a note, where there are none or they cannot be one.
pub(super) fn snippet(text: &str, carried: &mut Carried) -> Option<FrrSnippet> {
    let lines: Vec<String> = text.lines().filter_map(line).collect();
    let text = lines.join("\n").parse::<SnippetText>();
    let text = text.map_err(|error| error.to_string());
    let name = NAME.parse().map_err(|error: NameError| error.to_string());
    let (note, spec) = match text.and_then(|text| Ok((name?, text))) {
        Ok(read) => (
            format!(
                "it is one node's, and snippet {NAME} is every node's: give it the nodes that have \
                 the file"
            ),
            Some(read),
        ),
        Err(error) => (error, None),
    };
    carried.notes.push(format!("{FILE}: {note}"));
    let (name, text) = spec?;
    let spec = FrrSnippetSpec {
        nodes: NodeSelector::All,
        order: 0,
        text,
    };
    Some(declared(name, spec))
}

/// A line that says something: sections are told by their depth, and need no line that leaves them.
fn line(raw: &str) -> Option<String> {
    let line = raw.trim();
    let leaves = line.starts_with("exit") || line == "end";
    if line.is_empty() || line.starts_with(['!', '#']) || leaves {
        return None;
    }
    let depth = raw.len() - raw.trim_start().len();
    let words: Vec<&str> = line.split_whitespace().collect();
    Some(format!("{:depth$}{}", "", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_depth_and_comments_and_ends_go() {
        let mut carried = Carried::default();
        let text = "!\n! ours\nrouter bgp 65000\n  neighbor  V remote-as 1\n\taddress-family l2vpn evpn\n\t advertise-svi-ip\n exit-address-family\nexit\n!\n";
        let snippet = snippet(text, &mut carried).unwrap();
        assert_eq!(
            snippet.spec.text.as_str(),
            "router bgp 65000\n  neighbor V remote-as 1\n address-family l2vpn evpn\n  \
             advertise-svi-ip"
        );
        assert_eq!(carried.notes.len(), 1);
        assert!(super::snippet("! nothing\n", &mut carried).is_none());
        assert!(carried.notes[1].contains("at least one line"));
    }
}
