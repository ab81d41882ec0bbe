//! Lines of the administrator's own.

use serde::{Deserialize, Serialize};

use super::word::{RawLine, Word};

/// Some lines, by the administrator's name for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snippet {
    /// The name.
    pub name: Word,
    /// Where it stands among others: what a later one says of the same thing is what holds, and all
    /// of them come after what Weft itself says.
    pub order: u32,
    /// The lines.
    pub lines: Vec<SnippetLine>,
}

/// A line, and those of the section that it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnippetLine {
    /// The line.
    pub text: RawLine,
    /// Whether it opens a section, which may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Vec<SnippetLine>>,
}
