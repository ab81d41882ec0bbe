//! All that a host's network is, as text: equal texts mean that nothing was changed.

use anyhow::Result;

use crate::exec;
use crate::namespace::Namespace;

/// Words whose next word is a clock's.
const CLOCKS: [&str; 7] = [
    "gc_timer",
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
];

/// Devices, addresses, routes, permanent forwarding entries and packet filters of a host.
///
/// What changes by itself (timers, counters, learned entries) is left out.
///
/// # Errors
/// When it cannot be read.
pub fn network(host: &Namespace) -> Result<String> {
    let mut text = String::new();
    for words in [
        "-d -o link",
        "-o address",
        "-4 route show table all",
        "-6 route show table all",
        "rule",
    ] {
        let printed = host.ip(words)?;
        section(&mut text, words, printed.lines().map(without_clocks));
    }
    let entries = exec::run(host.command("bridge").args(["fdb", "show"]))?;
    let permanent = entries.lines().filter(|line| line.contains("permanent"));
    section(&mut text, "fdb", permanent.map(str::to_owned));
    let filters = exec::run(host.command("nft").args(["--stateless", "list", "ruleset"]))?;
    section(&mut text, "nft", filters.lines().map(str::to_owned));
    Ok(text)
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    text.push_str(&format!("== {title}\n"));
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
}

/// The line without the words that a clock changes.
fn without_clocks(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if CLOCKS.contains(&word) {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_left_out() {
        assert_eq!(
            without_clocks("3: web: mtu 1450 gc_timer  12.34 ageing_time 30000"),
            "3: web: mtu 1450 ageing_time 30000"
        );
    }
}
