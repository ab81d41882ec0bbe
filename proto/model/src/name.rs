//! Names that are valid by construction.
//!
//! # Guarantees
//! A value of these types obeys the rule written on the type; the only ways in are [`FromStr`] and
//! serde, and both check. Cloning is cheap (the text is shared).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that breaks the rule of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?} is not valid: {rule}")]
pub struct NameError {
    /// What the name was meant to be.
    pub kind: &'static str,
    /// The text that was refused, cut to a length that is safe to print.
    pub value: String,
    /// The rule, as a sentence for the user.
    pub rule: &'static str,
}

impl NameError {
    fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        Self {
            kind,
            value: value.chars().take(80).collect(),
            rule,
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $check:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The rule that every value obeys, as a sentence for the user.
            pub const RULE: &'static str = $rule;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError::new($kind, text, $rule))
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Letters, digits and `extra` in the middle; a letter or digit at both ends.
fn is_label(text: &str, longest: usize, extra: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && edge(bytes.first())
        && edge(bytes.last())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn is_identifier(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && is_label(text, 63, "-")
}

name!(
    /// The name of a zone.
    ZoneName,
    "zone name",
    is_identifier,
    "use 2 to 63 letters, digits and hyphens, a letter first, no hyphen last"
);

name!(
    /// The name of a vnet. Up to eight characters it is also the name of the bridge.
    VnetName,
    "vnet name",
    |text| is_identifier(text) && !matches!(text, "lo" | "all" | "default"),
    "use 2 to 63 letters, digits and hyphens, a letter first, no hyphen last, \
     and none of lo, all, default (the kernel keeps those)"
);

name!(
    /// The name of a subnet object.
    SubnetName,
    "subnet name",
    |text| is_label(text, 128, "-."),
    "use 1 to 128 letters, digits, hyphens and dots, a letter or digit first and last"
);

name!(
    /// The name of a node: its host name.
    NodeName,
    "node name",
    |text| is_label(text, 63, "-."),
    "use 1 to 63 letters, digits, hyphens and dots, a letter or digit first and last"
);

name!(
    /// The name of a host network.
    HostNetworkName,
    "host network name",
    |text| is_label(text, 63, "-."),
    "use 1 to 63 letters, digits, hyphens and dots, a letter or digit first and last"
);

name!(
    /// The key of a label, `zone` or `example.com/zone`.
    LabelKey,
    "label key",
    |text| is_label(text, 63, "-._/"),
    "use 1 to 63 letters, digits and any of - . _ /, a letter or digit first and last"
);

name!(
    /// The value of a label; may be empty.
    LabelValue,
    "label value",
    |text| text.is_empty() || is_label(text, 63, "-._"),
    "use up to 63 letters, digits and any of - . _, a letter or digit first and last"
);

name!(
    /// The name of a network device, as the kernel takes it (`dev_valid_name`, IFNAMSIZ 16).
    LinkName,
    "device name",
    |text| {
        (1..=15).contains(&text.len())
            && !matches!(text, "." | "..")
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
    },
    "use 1 to 15 printable ASCII characters without space, slash and colon, not . or .."
);

name!(
    /// The name of a controller: what routing of the cluster's networks is done by.
    ControllerName,
    "controller name",
    |text| text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && is_label(text, 63, "-_"),
    "use 2 to 63 letters, digits, hyphens and underscores, a letter first, a letter or digit last"
);

name!(
    /// The name of a fabric: the routed network underneath.
    FabricName,
    "fabric name",
    |text| is_label(text, 63, "-"),
    "use 1 to 63 letters, digits and hyphens, a letter or digit first and last"
);

name!(
    /// The name of a route map or of a prefix list, as FRR takes it.
    PolicyName,
    "name of a route map or prefix list",
    |text| is_label(text, 63, "-_"),
    "use 1 to 63 letters, digits, hyphens and underscores, a letter or digit first and last"
);

name!(
    /// The name of a snippet of FRR's configuration.
    SnippetName,
    "snippet name",
    |text| is_label(text, 63, "-_."),
    "use 1 to 63 letters, digits, hyphens, underscores and dots, a letter or digit first and last"
);

name!(
    /// The name of a probe: an executable file that a node's administrator allows to be run.
    ProbeName,
    "probe name",
    |text| is_label(text, 63, "-._"),
    "use 1 to 63 letters, digits and any of - . _, a letter or digit first and last: \
     a probe is named, and what it runs is on the node"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vnet_name_has_2_to_63_characters() {
        assert!("a".parse::<VnetName>().is_err());
        assert!("ab".parse::<VnetName>().is_ok());
        assert!("a".repeat(63).parse::<VnetName>().is_ok());
        assert!("a".repeat(64).parse::<VnetName>().is_err());
    }

    #[test]
    fn a_name_refuses_newlines_and_other_control_characters() {
        for text in ["web\n", "we\tb", "w\u{0}b", "web ", "wéb"] {
            assert!(text.parse::<VnetName>().is_err(), "{text:?}");
            assert!(text.parse::<LabelValue>().is_err(), "{text:?}");
            assert!(text.parse::<LinkName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn serde_is_no_back_door() {
        assert!(serde_json::from_str::<ZoneName>("\"-x\"").is_err());
    }

    #[test]
    fn the_error_says_what_would_be_right() {
        let error = "9lives".parse::<ZoneName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "zone name \"9lives\" is not valid: use 2 to 63 letters, digits and hyphens, \
             a letter first, no hyphen last"
        );
    }
}
