//! Words and lines that are safe in FRR's text: none can end a line, begin a comment or leave a
//! section.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that may not stand in FRR's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot stand in FRR's configuration: {rule}")]
pub struct WordError {
    text: String,
    rule: &'static str,
}

macro_rules! text {
    ($(#[$doc:meta])* $type:ident, $check:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The rule that every value obeys, as a sentence for the user.
            pub const RULE: &'static str = $rule;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(WordError { text, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = WordError;

            fn try_from(text: String) -> Result<Self, WordError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(text: $type) -> Self {
                text.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

/// Printable ASCII without what begins a comment, or asks for help where a person types.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'!' | b'?'))
        && !text.starts_with('#')
}

/// Words with one space between them: as FRR gives them back.
fn is_spaced(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(|word| !word.is_empty())
}

/// What a section is left or the configuration's mode is changed by; the rest of a text would end
/// up in another section than the one it was meant for.
fn leaves(line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or_default();
    let is_short = |of: &str| word.len() >= 2 && of.starts_with(word);
    word.starts_with("exit")
        || is_short("exit")
        || is_short("end")
        || is_short("quit")
        || is_short("configure")
        || is_short("do")
        || word.starts_with("XFRR")
}

text!(
    /// One word: a name that FRR keeps, or a device.
    Word,
    |text| {
        (1..=63).contains(&text.len())
            && is_plain(text)
            && !text.contains(' ')
            && text.bytes().all(|byte| !matches!(byte, b'"' | b'\\' | b'\'' | b'|'))
    },
    "use 1 to 63 printable ASCII characters without space, quote, backslash, | ! and ?, and no # first"
);

text!(
    /// Free text at the end of a line: a description, a password, a pattern.
    Phrase,
    |text| text.len() <= 80 && is_plain(text) && is_spaced(text),
    "use 1 to 80 printable ASCII characters without ! and ?, no # first, and no more than one \
     space in a row or any at an end"
);

text!(
    /// One line of the administrator's own.
    RawLine,
    |text| text.len() <= 500 && is_plain(text) && is_spaced(text) && !leaves(text),
    "use one line of 1 to 500 printable ASCII characters without ! and ?, no # first, no more than \
     one space in a row or any at an end, and no word that leaves the section, such as exit or end"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_ends_a_line_begins_a_comment_or_leaves_a_section_is_taken() {
        for text in [
            "",
            " ",
            "a\nb",
            "a\rb",
            "a!b",
            "!",
            "#x",
            "a?",
            "a  b",
            " a",
            "a ",
            "a\tb",
            "ä",
            "exit",
            "exi",
            "exit-vrf",
            "exit-address-family",
            "end",
            "en",
            "quit",
            "configure terminal",
            "conf t",
            "do show version",
            "XFRR_end_configuration",
        ] {
            assert!(text.parse::<RawLine>().is_err(), "{text:?}");
        }
        for text in [
            "neighbor 10.0.0.1 remote-as 65000",
            "no ip ospf passive",
            "description a b",
        ] {
            assert_eq!(text.parse::<RawLine>().unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\n", "a!", "a\"", "a|b", &"a".repeat(64)] {
            assert!(text.parse::<Word>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_line_without_a_comment(text in "\\PC{0,20}|[ -~\n\r!]{0,20}") {
            if let Ok(line) = text.parse::<RawLine>() {
                prop_assert!(!line.as_str().contains(['\n', '\r', '!', '\0']));
            }
            if let Ok(word) = text.parse::<Word>() {
                prop_assert!(word.as_str().split_whitespace().count() == 1);
            }
        }
    }
}
