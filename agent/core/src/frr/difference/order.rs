//! The order in which it is said.

use crate::frr::daemon::Daemon;
use crate::frr::grammar::{rank, speaks_on_devices};
use crate::frr::step::{Act, Command, Saying};
use crate::frr::want::Want;
use weft_model::plan::frr::text::Place;

/// What must be gone before something else can come.
pub(super) const FIRST: usize = 0;
/// What others speak of.
pub(super) const DEFINE: usize = 1;
/// All else that comes or changes.
pub(super) const ADD: usize = 2;
/// What goes.
pub(super) const LAST: usize = 3;

/// Whether a line, or a section, is what others speak of.
pub(super) fn is_definition(place: &Place, line: &str) -> bool {
    match place.section().split(' ').next() {
        Some("") => ["prefix-list ", "access-list ", "community-list "]
            .iter()
            .any(|word| line.contains(word)),
        Some("route-map" | "bfd") => true,
        _ => false,
    }
}

/// Whether a line is a route target that is taken in or told, and which of both.
pub(super) fn way_of_target(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("route-target ")?;
    rest.split(' ').next()
}

/// Where several route targets come, says them again: FRR passes over one that follows from the
/// numbers as long as none was said, since that holds anyway, and forgets it once another one is.
fn with_targets_again(commands: Vec<(Daemon, Command)>) -> Vec<(Daemon, Command)> {
    let mut all = Vec::with_capacity(commands.len());
    for together in commands.chunk_by(|(_, one), (_, other)| one.place == other.place) {
        all.extend_from_slice(together);
        for way in ["import", "export"] {
            let is_of = |command: &Command| command.added().and_then(way_of_target) == Some(way);
            let targets = together.iter().filter(|(_, command)| is_of(command));
            let targets: Vec<_> = targets.cloned().collect();
            // When the last one comes there is another already.
            if let [before @ .., _] = targets.as_slice() {
                all.extend_from_slice(before);
            }
        }
    }
    all
}

/// How long a line of a device waits before it goes: what it says of a protocol goes before its part
/// in that.
fn hold(command: &Command) -> u8 {
    match &command.act {
        Act::Remove(line) if command.place.section().starts_with("interface ") => {
            rank(&command.place, line)
        }
        Act::Open | Act::Add(_) | Act::Remove(_) | Act::Forget(_) | Act::Close => 0,
    }
}

/// Puts the commands of a phase in order, and those together that can be said together.
pub(super) fn sayings(
    want: &Want,
    phase: usize,
    mut commands: Vec<(Daemon, Command)>,
) -> Vec<Saying> {
    let rank_of = |command: &Command| command.added().map_or(0, |line| rank(&command.place, line));
    if phase == FIRST || phase == LAST {
        // Back to front: what stands in a section, and speaks of another, before it.
        let is_last = |command: &Command| {
            let line = match &command.act {
                Act::Remove(line) | Act::Forget(line) => line,
                Act::Open | Act::Add(_) | Act::Close => "",
            };
            let group = matches!(&command.act, Act::Forget(line) if line.ends_with(" peer-group"));
            let instance =
                matches!(&command.act, Act::Close) && speaks_on_devices(command.place.section());
            (is_definition(&command.place, line), group, instance)
        };
        commands.sort_by(|(one, a), (other, b)| {
            let key = |daemon: &Daemon, command: &Command| (is_last(command), *daemon);
            key(one, a)
                .cmp(&key(other, b))
                .then_with(|| b.place.cmp(&a.place))
                .then_with(|| hold(b).cmp(&hold(a)))
                .then_with(|| a.cmp(b))
        });
    } else {
        commands.sort_by(|(one, a), (other, b)| {
            let key = |daemon: &Daemon, command: &Command| {
                (*daemon, command.place.clone(), rank_of(command))
            };
            key(one, a).cmp(&key(other, b)).then_with(|| a.cmp(b))
        });
    }
    commands.dedup();
    let commands = with_targets_again(commands);
    let mut sayings: Vec<Saying> = Vec::new();
    for (daemon, command) in commands {
        let together = sayings.last_mut().filter(|last| {
            let before = last.commands.last();
            last.daemon == daemon
                && before.is_some_and(|it| it.place.section() == command.place.section())
        });
        match together {
            Some(last) => last.commands.push(command),
            None => sayings.push(Saying {
                daemon,
                origin: want
                    .origin(&command.place, command.added().unwrap_or_default())
                    .cloned(),
                commands: vec![command],
            }),
        }
    }
    sayings
}
