//! All that a host's network is, as text: equal texts mean that nothing was changed.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::exec;
use crate::namespace::Namespace;
use crate::wait;

/// How long two dumps that are the same are apart.
const QUIET: Duration = Duration::from_millis(400);
/// How long a kernel may take to be done: longer than it looks for a duplicate address.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// Words whose next word is a clock's, or what ports have left behind in a bridge.
const UNSTEADY: [&str; 9] = [
    "tso_max_size",
    "tso_max_segs",
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
        section(&mut text, words, printed.lines().map(without_unsteady));
    }
    let entries = exec::run(host.command("bridge").args(["fdb", "show"]))?;
    let permanent = entries.lines().filter(|line| line.contains("permanent"));
    section(&mut text, "fdb", permanent.map(str::to_owned));
    let filters = exec::run(host.command("nft").args(["--stateless", "list", "ruleset"]))?;
    section(&mut text, "nft", filters.lines().map(str::to_owned));
    Ok(text)
}

/// The dumps of several hosts, once nothing in them changes by itself any more: a kernel goes on for
/// a second after a command (duplicate addresses are looked for, carriers are noticed).
///
/// # Errors
/// When they cannot be read, or go on changing.
pub fn settled(hosts: &[&Namespace]) -> Result<Vec<String>> {
    let all = || -> Result<Vec<String>> { hosts.iter().map(|host| network(host)).collect() };
    let mut last = all()?;
    let (dumps, _) = wait::until("the hosts to settle", SETTLE_LIMIT, || {
        thread::sleep(QUIET);
        let next = all()?;
        let changes = differences(&last, &next);
        last.clone_from(&next);
        ensure!(changes.is_empty(), "{changes:?}");
        // An address is tried for longer than two dumps are apart.
        let tried = next.iter().any(|dump| dump.contains(" tentative "));
        ensure!(!tried, "an address is still tentative");
        Ok(next)
    })?;
    Ok(dumps)
}

/// The lines that only one side has, with the number of the dump: empty where all are the same.
pub fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let only = |sign: char, these: &str, others: &str, found: &mut Vec<String>| {
            let others: BTreeSet<_> = others.lines().collect();
            found.extend(
                these
                    .lines()
                    .filter(|line| !others.contains(line))
                    .map(|line| format!("{}: {sign}{line}", number + 1)),
            );
        };
        only('-', before, after, &mut found);
        only('+', after, before, &mut found);
    }
    found
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    text.push_str(&format!("== {title}\n"));
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
}

/// The line without the words that change by themselves.
///
/// A device that is up is in the state UNKNOWN until the kernel has had the time to look, up to a
/// second on a bridge: the flags before it say already that it is up.
fn without_unsteady(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if UNSTEADY.contains(&word) {
            words.next();
        } else if (kept.last(), word) == (Some(&"state"), "UNKNOWN") {
            kept.push("UP");
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
    fn differences_name_the_dump_and_the_side() {
        let (before, after) = (["a\nb\n".to_owned()], ["b\nc\n".to_owned()]);
        assert_eq!(differences(&before, &after), ["1: -a", "1: +c"]);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn a_state_that_the_kernel_has_not_looked_at_is_up() {
        assert_eq!(
            without_unsteady("3: web: <UP> state UNKNOWN mode DEFAULT"),
            "3: web: <UP> state UP mode DEFAULT"
        );
    }

    #[test]
    fn clocks_are_left_out() {
        assert_eq!(
            without_unsteady("3: web: mtu 1450 gc_timer  12.34 ageing_time 30000"),
            "3: web: mtu 1450 ageing_time 30000"
        );
    }
}
