//! Controllers of type isis.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ControllerError;
use crate::name::{LinkName, PolicyName};

/// What a controller of type isis needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct IsisController {
    /// What FRR calls the routing process.
    pub domain: PolicyName,
    /// The node's address in IS-IS.
    pub net: Net,
    /// The interfaces that it speaks on; never empty.
    pub interfaces: BTreeSet<LinkName>,
    /// A device whose address is told, and nobody spoken to on it.
    pub source: Option<LinkName>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    domain: PolicyName,
    net: Net,
    interfaces: BTreeSet<LinkName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<LinkName>,
}

impl IsisController {
    /// A controller whose parts fit together.
    ///
    /// # Errors
    /// When it has no interface to speak on.
    pub fn checked(self) -> Result<Self, ControllerError> {
        if self.interfaces.is_empty() {
            return Err(ControllerError::NoInterface);
        }
        Ok(self)
    }
}

impl TryFrom<Form> for IsisController {
    type Error = ControllerError;

    fn try_from(form: Form) -> Result<Self, ControllerError> {
        Self {
            domain: form.domain,
            net: form.net,
            interfaces: form.interfaces,
            source: form.source,
        }
        .checked()
    }
}

impl From<IsisController> for Form {
    fn from(controller: IsisController) -> Self {
        Self {
            domain: controller.domain,
            net: controller.net,
            interfaces: controller.interfaces,
            source: controller.source,
        }
    }
}

/// The address of a node in IS-IS: 8 to 20 bytes, the last of them zero (ISO 10589, network entity
/// title).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net(String);

/// A text that is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an IS-IS network entity title: write an area of 1 to 13 bytes, a system of 6 bytes \
     and 00, as 49.0001.1720.2000.3001.00"
)]
pub struct NetError(pub String);

impl FromStr for Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let refused = || NetError(text.chars().take(80).collect());
        let groups: Vec<&str> = text.split('.').collect();
        let (Some((first, middle)), true) = (groups.split_first(), groups.len() >= 5) else {
            return Err(refused());
        };
        let (Some((last, middle)), true) = (middle.split_last(), first.len() == 2) else {
            return Err(refused());
        };
        // Area first, then the system in three groups: every group between the ends has four digits.
        let shaped = *last == "00"
            && (3..=9).contains(&middle.len())
            && middle.iter().all(|group| group.len() == 4);
        let hex = groups
            .iter()
            .all(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        if shaped && hex {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(refused())
        }
    }
}

impl TryFrom<String> for Net {
    type Error = NetError;

    fn try_from(text: String) -> Result<Self, NetError> {
        text.parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.0
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_area_a_system_and_ends_with_zero() {
        for text in [
            "49.0001.1720.2000.3001.00",
            "47.0023.0000.0000.0000.0000.0000.0000.1900.0004.00",
            "49.0000.0000.0001.00",
        ] {
            assert_eq!(text.parse::<Net>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "49.00",
            "49.0000.0001.00",
            "49.0001.1720.2000.3001.01",
            "4.0001.1720.2000.3001.00",
            "49.001.1720.2000.3001.00",
            "49.0001.1720.2000.300g.00",
            "49.0001.1720.2000.3001.00\n",
            "49.1.2.3.4.5.6.7.8.9.10.11.00",
        ] {
            assert!(text.parse::<Net>().is_err(), "{text:?}");
        }
    }
}
