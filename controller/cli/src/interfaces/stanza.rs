//! The stanzas of ifupdown's and ifupdown2's `interfaces` files, with the lines that they stand in.
//!
//! # Guarantees
//! Every line is in a stanza, or has no meaning for what a node is, or has a note.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An option of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name, with hyphens where underscores are as good.
    pub name: String,
    /// What follows it.
    pub value: String,
    /// Where it stands.
    pub spot: Spot,
}

impl Choice {
    /// The words of the value.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.value.split_whitespace()
    }
}

/// One `iface` with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// The interface.
    pub name: String,
    /// How it gets its addresses: `static`, `manual`, `dhcp`; ifupdown2 may leave it out.
    pub method: Option<String>,
    /// `inet` or `inet6`, where it is said.
    pub family: Option<String>,
    /// Where it begins.
    pub spot: Spot,
    /// Its options, in their order.
    pub choices: Vec<Choice>,
}

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanzas {
    /// The interfaces, in their order; one may come several times.
    pub all: Vec<Stanza>,
    /// Those that are brought up at boot, or when their device appears.
    pub auto: BTreeSet<String>,
    /// Lines that mean something and are in no stanza.
    pub notes: Vec<(Spot, String)>,
}

/// Where the files that a file names come from.
pub trait Library {
    /// The files that `source` (a pattern) or `source-directory` in a file names, with their texts.
    ///
    /// # Errors
    /// A sentence why they cannot be read.
    fn files(&self, from: &str, word: &str, pattern: &str)
    -> Result<Vec<(String, String)>, String>;
}

/// How deep files may name each other.
const DEEPEST: usize = 8;

/// Reads a file and what it names.
pub fn read(file: &str, text: &str, library: &impl Library) -> Stanzas {
    let mut stanzas = Stanzas::default();
    stanzas.take(file, text, library, 0);
    stanzas
}

impl Stanzas {
    fn take(&mut self, file: &str, text: &str, library: &impl Library, depth: usize) {
        let file: Arc<str> = file.into();
        // Whether options belong to the stanza begun last, or to something that is passed over.
        let mut open = false;
        let mut passed: Option<String> = None;
        for (line, text) in logical_lines(text) {
            let spot = Spot {
                file: Arc::clone(&file),
                line,
            };
            let (word, rest) = split(&text);
            match word {
                "" => {}
                "iface" => {
                    open = self.begin(rest, spot.clone());
                    passed = (!open).then(|| "iface".to_owned());
                }
                "auto" => {
                    (open, passed) = (false, None);
                    self.auto.extend(rest.split_whitespace().map(str::to_owned));
                }
                "source" | "source-directory" => {
                    (open, passed) = (false, None);
                    self.named(&file, (word, rest), &spot, library, depth);
                }
                "mapping" | "template" => {
                    open = false;
                    passed = Some(word.to_owned());
                    self.note(spot, format!("{text}: not carried over"));
                }
                "no-auto-down" | "no-scripts" | "rename" => {
                    (open, passed) = (false, None);
                    self.note(spot, format!("{text}: not carried over"));
                }
                allow if allow.starts_with("allow-") => {
                    (open, passed) = (false, None);
                    if allow == "allow-auto" || allow == "allow-hotplug" {
                        self.auto.extend(rest.split_whitespace().map(str::to_owned));
                    } else {
                        self.note(spot, format!("{text}: not carried over"));
                    }
                }
                option if open => {
                    let choice = Choice {
                        name: option.replace('_', "-"),
                        value: rest.to_owned(),
                        spot,
                    };
                    if let Some(stanza) = self.all.last_mut() {
                        stanza.choices.push(choice);
                    }
                }
                _ => {
                    let why = match &passed {
                        Some(word) => format!("a part of {word}"),
                        None => "it belongs to no interface".to_owned(),
                    };
                    self.note(spot, format!("{text}: not carried over: {why}"));
                }
            }
        }
    }

    /// Begins a stanza; says whether there is one.
    fn begin(&mut self, rest: &str, spot: Spot) -> bool {
        let mut words = rest.split_whitespace();
        let Some(name) = words.next() else {
            self.note(spot, "iface without a name: not carried over".to_owned());
            return false;
        };
        let family = words.next().map(str::to_owned);
        let method = words.next().map(str::to_owned);
        if let Some(first) = words.next() {
            let more: Vec<&str> = std::iter::once(first).chain(words).collect();
            let text = format!("{}: not carried over", more.join(" "));
            self.note(spot.clone(), text);
        }
        self.all.push(Stanza {
            name: name.to_owned(),
            method,
            family,
            spot,
            choices: Vec::new(),
        });
        true
    }

    fn named(
        &mut self,
        file: &str,
        (word, pattern): (&str, &str),
        spot: &Spot,
        library: &impl Library,
        depth: usize,
    ) {
        if depth >= DEEPEST {
            self.note(spot.clone(), "files name each other in a circle".to_owned());
            return;
        }
        match library.files(file, word, pattern) {
            Ok(files) => {
                for (name, text) in files {
                    self.take(&name, &text, library, depth + 1);
                }
            }
            Err(why) => self.note(spot.clone(), format!("{word} {pattern}: not read: {why}")),
        }
    }

    fn note(&mut self, spot: Spot, text: String) {
        self.notes.push((spot, text));
    }
}

fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

/// Lines without comments, with their numbers, those joined that end in a backslash.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        if open.is_none() && line.trim_start().starts_with('#') {
            continue;
        }
        let (first, mut joined) = open.take().unwrap_or((at + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(begun) => {
                joined.push_str(begun);
                joined.push(' ');
                open = Some((first, joined));
            }
            None => {
                joined.push_str(line);
                lines.push((first, joined));
            }
        }
    }
    lines.extend(open);
    lines
}
