//! Snippets: lines of FRR's configuration that the administrator writes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::object::selector::NodeSelector;

/// Lines for the FRR of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrrSnippetSpec {
    /// The nodes that have them.
    #[serde(default, skip_serializing_if = "NodeSelector::is_all")]
    pub nodes: NodeSelector,
    /// Where it stands among others: the later holds.
    #[serde(default, skip_serializing_if = "is_first")]
    pub order: u32,
    /// The lines, as FRR shows them.
    pub text: SnippetText,
}

// Serde hands out references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_first(order: &u32) -> bool {
    *order == 0
}

/// Lines of printable ASCII. What they say is looked at where a whole set of objects is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnippetText(String);

/// The longest text: hundreds of neighbors.
const LONGEST: usize = 64 * 1024;

/// A text that is none of lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnippetTextError {
    /// There is nothing in it.
    #[error("write at least one line")]
    Empty,
    /// It is too long.
    #[error("this is longer than 65536 bytes: use several snippets")]
    TooLong,
    /// It has a character that FRR may take for something else.
    #[error("line {line}: use printable ASCII characters only, and spaces for depth")]
    Character {
        /// The line, from 1.
        line: usize,
    },
}

impl SnippetText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its lines that are not empty, each with its number from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.0.split('\n').map(str::trim_end);
        let numbered = lines.enumerate().map(|(at, line)| (at + 1, line));
        numbered.filter(|(_, line)| !line.is_empty())
    }
}

impl FromStr for SnippetText {
    type Err = SnippetTextError;

    fn from_str(text: &str) -> Result<Self, SnippetTextError> {
        if text.len() > LONGEST {
            return Err(SnippetTextError::TooLong);
        }
        let is_plain = |line: &str| line.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if let Some(at) = text.split('\n').position(|line| !is_plain(line)) {
            return Err(SnippetTextError::Character { line: at + 1 });
        }
        let read = Self(text.to_owned());
        if read.lines().next().is_none() {
            return Err(SnippetTextError::Empty);
        }
        Ok(read)
    }
}

impl TryFrom<String> for SnippetText {
    type Error = SnippetTextError;

    fn try_from(text: String) -> Result<Self, SnippetTextError> {
        text.parse()
    }
}

impl From<SnippetText> for String {
    fn from(text: SnippetText) -> Self {
        text.0
    }
}

impl fmt::Display for SnippetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_written_as_it_is_read() {
        for json in [
            r#"{"text":"ip route 10.0.0.0/8 Null0"}"#,
            r#"{"nodes":{"names":["n1"]},"order":20,"text":"router bgp 65000\n coalesce-time 7\n"}"#,
        ] {
            let spec: FrrSnippetSpec = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        }
    }

    #[test]
    fn lines_are_numbered_as_people_count_them() {
        let text: SnippetText = "\nvrf a\n\n ip route x  \n".parse().unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, [(2, "vrf a"), (4, " ip route x")]);
    }

    #[test]
    fn what_is_no_text_of_lines_is_refused() {
        for (text, part) in [
            ("", "at least one line"),
            ("\n \n", "at least one line"),
            ("a\nb\r\n", "line 2"),
            ("a\tb", "line 1"),
            ("a\u{0}", "line 1"),
            ("description ä", "line 1"),
            (&"a".repeat(LONGEST + 1), "longer"),
        ] {
            let error = text.parse::<SnippetText>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
