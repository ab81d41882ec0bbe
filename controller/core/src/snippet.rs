//! Reads the administrator's lines for FRR into sections of lines.
//!
//! # Guarantees
//! What is read stays in the sections that it was written in, and speaks of routing alone: no line
//! leaves a section, takes away a whole one, or changes FRR's terminal, log or name.

use std::iter::Peekable;

use weft_model::object::frr_snippet::SnippetText;
use weft_model::plan::frr::snippet::SnippetLine;

/// What a line is to be changed for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
    pub(crate) advice: &'static str,
}

/// What a line outside of all sections may begin with. FRR shows whole words, and what is not as it
/// shows it would be said again and again.
const OUTERMOST: [&str; 15] = [
    "access-list",
    "bfd",
    "bgp",
    "interface",
    "ip",
    "ipv6",
    "key",
    "mpls",
    "nexthop-group",
    "pbr-map",
    "route-map",
    "router",
    "rpki",
    "segment-routing",
    "vrf",
];

/// What sections outside of all others begin with.
const SECTIONS: [&str; 10] = [
    "bfd",
    "interface",
    "key chain",
    "nexthop-group",
    "pbr-map",
    "route-map",
    "router",
    "rpki",
    "segment-routing",
    "vrf",
];

/// What FRR understands in every section, and what is no part of routing.
const ELSEWHERE: [&str; 21] = [
    "agentx",
    "allow-external-route-update",
    "banner",
    "copy",
    "debug",
    "disable",
    "domainname",
    "enable",
    "find",
    "frr",
    "help",
    "hostname",
    "line",
    "list",
    "log",
    "password",
    "service",
    "show",
    "terminal",
    "username",
    "write",
];

/// A line as it was written.
#[derive(Clone, Copy)]
struct Written<'a> {
    number: usize,
    depth: usize,
    text: &'a str,
}

/// The lines in their sections.
pub(crate) fn read(text: &SnippetText) -> Result<Vec<SnippetLine>, Vec<Fault>> {
    let lines = text.lines().map(|(number, line)| Written {
        number,
        depth: line.len() - line.trim_start().len(),
        text: line.trim_start(),
    });
    let mut lines = lines.peekable();
    let depth = lines.peek().map_or(0, |first| first.depth);
    let mut faults = Vec::new();
    let read = section(&mut lines, depth, &[], &mut faults);
    for rest in lines {
        fault(
            &mut faults,
            rest,
            "its depth is that of no line above",
            DEPTH,
        );
    }
    if faults.is_empty() {
        Ok(read)
    } else {
        faults.sort_by_key(|fault| fault.line);
        Err(faults)
    }
}

const DEPTH: &str = "indent the lines of a section by one space more than its header";

fn fault(faults: &mut Vec<Fault>, line: Written<'_>, problem: &str, advice: &'static str) {
    faults.push(Fault {
        line: line.number,
        problem: format!("{:?}: {problem}", line.text),
        advice,
    });
}

/// Reads the lines of one depth, and those of the sections that they open.
fn section<'a>(
    lines: &mut Peekable<impl Iterator<Item = Written<'a>>>,
    depth: usize,
    headers: &[&str],
    faults: &mut Vec<Fault>,
) -> Vec<SnippetLine> {
    let mut read: Vec<SnippetLine> = Vec::new();
    // Whether the last line is a section that no `exit` has ended.
    let mut is_open = false;
    while let Some(line) = lines.next_if(|line| line.depth == depth) {
        if line.text == "exit" || line.text.starts_with("exit-") {
            if !is_open {
                let problem = "there is no section that it could end";
                fault(faults, line, problem, "take the line out");
            }
            is_open = false;
            continue;
        }
        let inside = lines.peek().filter(|next| next.depth > depth);
        let inside = inside.map(|next| next.depth).map(|depth| {
            let headers = [headers, &[line.text]].concat();
            section(lines, depth, &headers, faults)
        });
        let opens = opens(line.text, headers);
        if let (Some(_), Some(false)) = (&inside, opens) {
            let problem = "it opens no section, and lines stand in it";
            fault(faults, line, problem, DEPTH);
        }
        is_open = opens == Some(true) || inside.is_some();
        match line.text.parse() {
            Ok(text) => {
                check(line, headers, faults);
                read.push(SnippetLine {
                    text,
                    inside: inside.or((opens == Some(true)).then(Vec::new)),
                });
            }
            Err(error) => faults.push(Fault {
                line: line.number,
                problem: error.to_string(),
                advice: "change the line, or take it out",
            }),
        }
    }
    read
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// Whether a line is of the form of one of these.
fn begins(text: &str, with: &[&str]) -> bool {
    with.iter().any(|start| {
        text.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// Whether a line opens a section; `None` where that is not known of what stands there.
fn opens(text: &str, headers: &[&str]) -> Option<bool> {
    match headers {
        [] => Some(begins(text, &SECTIONS)),
        [outer] if begins(outer, &["router bgp"]) => Some(begins(text, &["address-family"])),
        [outer] if begins(outer, &["bfd"]) => Some(begins(text, &["profile", "peer"])),
        [outer] if begins(outer, &["key chain"]) => Some(begins(text, &["key"])),
        [outer] if begins(outer, &["interface", "route-map", "vrf"]) => Some(false),
        [_, family] if *family == "address-family l2vpn evpn" => Some(begins(text, &["vni"])),
        _ => None,
    }
}

fn check(line: Written<'_>, headers: &[&str], faults: &mut Vec<Fault>) {
    let text = line.text.strip_prefix("no ").unwrap_or(line.text);
    let word = first_word(text);
    let is_elsewhere = |known: &&str| known.starts_with(word);
    if let Some(known) = ELSEWHERE.iter().find(|known| is_elsewhere(known)) {
        let problem = format!("FRR reads it as `{known}`, which is no part of routing");
        return fault(
            faults,
            line,
            &problem,
            "write whole words, and of routing only",
        );
    }
    let outer = headers.first().copied().unwrap_or_default();
    if begins(outer, &["vrf"]) && word == "vni" {
        let problem = "the VNI of a routing domain is its zone's";
        return fault(faults, line, problem, "set `vrfVni` of the zone");
    }
    if !headers.is_empty() {
        return;
    }
    if !OUTERMOST.contains(&word) {
        let problem = "outside of all sections nothing begins so";
        return fault(
            faults,
            line,
            problem,
            "indent what belongs to a section by a space; outside write lines that begin with one of \
             access-list, bfd, bgp, interface, ip, ipv6, key, mpls, nexthop-group, pbr-map, \
             route-map, router, rpki, segment-routing and vrf",
        );
    }
    if text != line.text && begins(text, &SECTIONS) {
        let problem = "it takes away a whole section, which may be Weft's";
        fault(faults, line, problem, "take the line out");
    }
    if begins(text, &["ip forwarding", "ipv6 forwarding"]) {
        let problem = "it switches forwarding on the whole node";
        fault(
            faults,
            line,
            problem,
            "use `forward` of a host network's interface",
        );
    }
}

/// The AS numbers of the BGP instances that lines speak of.
pub(crate) fn systems(lines: &[SnippetLine]) -> impl Iterator<Item = &str> {
    let headers = lines.iter().map(|line| line.text.as_str());
    headers.filter_map(|text| text.strip_prefix("router bgp ").map(first_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<serde_json::Value, Vec<String>> {
        let read = read(&text.parse().unwrap());
        read.map(|lines| serde_json::to_value(lines).unwrap())
            .map_err(|faults| {
                let text = |it: &Fault| format!("{}: {}", it.line, it.problem);
                faults.iter().map(text).collect()
            })
    }

    #[test]
    fn sections_are_read_as_frr_shows_them() {
        let text = "ip route 10.0.0.0/8 Null0\nrouter bgp 65000\n coalesce-time 7\n \
                    address-family l2vpn evpn\n  vni 7\n   rd 1:1\n  exit-vni\n exit-address-family\n\
                    exit\nroute-map X permit 5\nexit\n";
        assert_eq!(
            parse(text).unwrap(),
            serde_json::json!([
                { "text": "ip route 10.0.0.0/8 Null0" },
                { "text": "router bgp 65000", "inside": [
                    { "text": "coalesce-time 7" },
                    { "text": "address-family l2vpn evpn", "inside": [
                        { "text": "vni 7", "inside": [{ "text": "rd 1:1" }] },
                    ] },
                ] },
                { "text": "route-map X permit 5", "inside": [] },
            ])
        );
        let lines = read(&text.parse().unwrap()).unwrap();
        assert_eq!(systems(&lines).collect::<Vec<_>>(), ["65000"]);
    }

    #[test]
    fn a_section_need_not_be_ended() {
        let with =
            parse("router bgp 1\n no bgp suppress-duplicates\nexit\nip nht resolve-via-default");
        let without =
            parse("router bgp 1\n no bgp suppress-duplicates\nip nht resolve-via-default");
        assert_eq!(with.unwrap(), without.unwrap());
    }

    #[test]
    fn what_would_end_up_elsewhere_or_change_more_than_routing_is_refused() {
        for (text, part) in [
            ("end", "1: \"end\""),
            ("!", "1: \"!\""),
            ("# note", "\"# note\""),
            ("exit", "no section that it could end"),
            (
                "router bgp 1\n neighbor X peer-group\n exit\nexit",
                "3: \"exit\": there is no section",
            ),
            ("router bgp 1\nexit\nexit", "3: \"exit\""),
            ("router bgp 1\n end", "2: \"end\""),
            ("configure terminal", "\"configure terminal\""),
            ("do write", "\"do write\""),
            ("write memory", "reads it as `write`"),
            ("wr", "reads it as `write`"),
            ("hostname x", "reads it as `hostname`"),
            ("log file /etc/shadow", "reads it as `log`"),
            ("no log syslog", "reads it as `log`"),
            (
                "router bgp 1\n log file /tmp/x",
                "2: \"log file /tmp/x\": FRR reads it as `log`",
            ),
            ("line vty", "reads it as `line`"),
            ("password x", "reads it as `password`"),
            ("enable password x", "reads it as `enable`"),
            ("frr defaults datacenter", "reads it as `frr`"),
            ("neighbor 10.0.0.1 remote-as 1", "nothing begins so"),
            ("no router bgp 65000", "takes away a whole section"),
            ("no vrf vrf_prod", "takes away a whole section"),
            ("ip forwarding", "forwarding on the whole node"),
            (
                "vrf vrf_prod\n vni 7",
                "2: \"vni 7\": the VNI of a routing domain",
            ),
            (
                "ip route 10.0.0.0/8 Null0\n x",
                "1: \"ip route 10.0.0.0/8 Null0\": it opens no section",
            ),
            (
                "router bgp 1\n  coalesce-time 7\n bgp x",
                "3: \"bgp x\": its depth",
            ),
            (" router bgp 1\nip route x", "2: \"ip route x\": its depth"),
            ("router  bgp 1", "more than one space"),
        ] {
            let faults = parse(text).unwrap_err();
            assert!(
                faults.iter().any(|it| it.contains(part)),
                "{text:?}: {faults:?}"
            );
        }
    }

    #[test]
    fn every_fault_is_told_of_with_its_line() {
        let faults = parse("router bgp 1\n end\nwrite\nhostname x").unwrap_err();
        let lines: Vec<&str> = faults
            .iter()
            .map(|it| it.split(':').next().unwrap())
            .collect();
        assert_eq!(lines, ["2", "3", "4"]);
    }
}
