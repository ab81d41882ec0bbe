//! What one of FRR's daemons is told, fully decided.

use std::fmt;

use weft_model::plan::Origin;

use super::config::Config;
use super::daemon::Daemon;
use super::grammar::negation;
use weft_model::plan::frr::text::Place;

/// Commands for one daemon that belong to one outermost section, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Who is told.
    pub daemon: Daemon,
    /// The objects that the section is there for; `None` where no plan has it any more.
    pub origin: Option<Origin>,
    /// What is said.
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command {
    /// The section that it is about.
    pub place: Place,
    /// What is done.
    pub act: Act,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// The section is made, with nothing in it.
    Open,
    /// A line is added, or takes the place of the one that says something of the same thing.
    Add(String),
    /// A line is taken away.
    Remove(String),
    /// A neighbor is taken away, with all that is said of it.
    Forget(String),
    /// The section is taken away, with all that is in it.
    Close,
}

impl Command {
    /// Where FRR must be to be told, and what it is told there; nothing where being there is all.
    pub fn words(&self) -> (Place, Option<String>) {
        match &self.act {
            Act::Open => (self.place.clone(), None),
            Act::Add(line) => (self.place.clone(), Some(line.clone())),
            Act::Remove(line) => (self.place.clone(), Some(negation(&self.place, line))),
            Act::Forget(anchor) => (self.place.clone(), Some(format!("no {anchor}"))),
            Act::Close => match self.place.split() {
                Some((outer, header)) => {
                    let text = format!("no {header}");
                    (outer, Some(text))
                }
                None => (Place::TOP, None),
            },
        }
    }

    /// The line that is there afterwards, where one is.
    pub fn added(&self) -> Option<&str> {
        match &self.act {
            Act::Add(line) => Some(line),
            Act::Open | Act::Remove(_) | Act::Forget(_) | Act::Close => None,
        }
    }
}

/// A line without the secrets in it.
fn public(line: &str) -> String {
    match line.split_once(" password ") {
        Some((before, _)) => format!("{before} password ..."),
        None => line.to_owned(),
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, text) = self.words();
        match (place == Place::TOP, text) {
            (true, Some(text)) => f.write_str(&public(&text)),
            (false, Some(text)) => write!(f, "{place}: {}", public(&text)),
            (_, None) => place.fmt(f),
        }
    }
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Longer texts are for the log of FRR itself.
        const MOST: usize = 8;
        let said: Vec<String> = self
            .commands
            .iter()
            .take(MOST)
            .map(ToString::to_string)
            .collect();
        write!(f, "tell FRR's {}: {}", self.daemon, said.join("; "))?;
        if self.commands.len() > MOST {
            write!(f, " and {} lines more", self.commands.len() - MOST)?;
        }
        Ok(())
    }
}

/// What we wrote into FRR's configuration, and may take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Written {
    /// The lines.
    pub lines: Config,
    /// The sections that were not there before us.
    pub made: std::collections::BTreeSet<Place>,
}

impl Written {
    /// Whether we wrote nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.made.is_empty()
    }

    /// What we wrote, and what others say we did.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (place, line) in other.lines.all() {
            all.lines.add(place, line);
        }
        all.made.extend(other.made.iter().cloned());
        all
    }
}
