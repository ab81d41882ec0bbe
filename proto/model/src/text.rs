//! Free text that is safe to hand on to a kernel, a daemon or a terminal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One line of text for people: at most 200 bytes, no control characters.
///
/// The bound keeps it within a device alias (`IFALIASZ`, 256) with our mark before it. Direction overrides are refused
/// because they can make one name look like another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

/// A text that is too long or has characters that do not print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one line of printable text of at most 200 bytes")]
pub struct TextError(pub String);

impl Text {
    /// Leaves room in a device alias (256 bytes) for the mark of ownership before it.
    pub const LONGEST: usize = 200;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_printable(c: char) -> bool {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    !c.is_control() && !hidden
}

impl FromStr for Text {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.len() <= Self::LONGEST && text.chars().all(is_printable) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_printable_line() {
        assert!("Customer (A) – Zürich".parse::<Text>().is_ok());
        for text in [
            "a\nb",
            "a\rb",
            "a\u{0}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            &"x".repeat(201),
        ] {
            assert!(text.parse::<Text>().is_err(), "{text:?}");
        }
    }
}
