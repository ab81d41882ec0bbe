//! What the BGP sessions of a controller have in common.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{LinkName, PolicyName};

/// How a controller's BGP sessions are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sessions {
    /// How many routers may be between the ends of a session with another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multihop: Option<Hops>,
    /// What both sides sign their packets with (RFC 2385).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// How soon a silent neighbor counts as lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timers: Option<Timers>,
    /// The device whose address sessions are made from; its address is also the router's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<LinkName>,
    /// Whether a lost path is noticed by BFD.
    #[serde(default, skip_serializing_if = "Bfd::is_default")]
    pub bfd: Bfd,
    /// What is taken in passes this route map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_map_in: Option<PolicyName>,
    /// What is told passes this route map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_map_out: Option<PolicyName>,
}

impl Sessions {
    /// Whether everything is as it is when nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether neighbors are in the same autonomous system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They are, unless the node's own BGP controller has another AS number.
    #[default]
    Auto,
    /// They are not.
    External,
    /// They are.
    Internal,
}

impl Mode {
    /// The mode as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::External => "external",
            Self::Internal => "internal",
        }
    }

    /// Whether it is what holds when nothing is said.
    // Serde hands out references.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn is_default(&self) -> bool {
        *self == Self::Auto
    }
}

/// A text that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mode of BGP: use auto, external or internal")]
pub struct ModeError(pub String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        [Self::Auto, Self::External, Self::Internal]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| ModeError(text.chars().take(80).collect()))
    }
}

/// Whether and how BFD (RFC 5880) watches a session's path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bfd {
    /// With FRR's own times: a path is lost after three packets of 300 ms.
    #[default]
    On,
    /// Not at all: a lost path is noticed when the session's hold time is over.
    Off,
    /// With the times of a profile of the node's FRR.
    Profile(PolicyName),
}

impl Bfd {
    /// Whether it is what holds when nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::On
    }
}

/// A text that says nothing of BFD.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BfdError {
    /// What switches are called elsewhere.
    #[error("{0:?} is no profile of BFD: use `on`, `off`, or the name of a profile")]
    Switch(String),
    /// No name of a profile.
    #[error(transparent)]
    Name(#[from] crate::name::NameError),
}

impl FromStr for Bfd {
    type Err = BfdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            // A profile that nobody has would be asked for without a word.
            "true" | "false" | "yes" | "no" => Err(BfdError::Switch(text.to_owned())),
            profile => Ok(Self::Profile(profile.parse()?)),
        }
    }
}

impl TryFrom<String> for Bfd {
    type Error = BfdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Bfd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off => f.write_str("off"),
            Self::Profile(name) => name.fmt(f),
        }
    }
}

impl From<Bfd> for String {
    fn from(bfd: Bfd) -> Self {
        bfd.to_string()
    }
}

/// How many routers a session may cross: 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Hops(NonZeroU8);

/// A number that is no count of hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a number of hops: use 1 to 255")]
pub struct HopsError(pub u32);

impl TryFrom<u32> for Hops {
    type Error = HopsError;

    fn try_from(value: u32) -> Result<Self, HopsError> {
        let hops = u8::try_from(value).ok().and_then(NonZeroU8::new);
        hops.map(Self).ok_or(HopsError(value))
    }
}

impl From<Hops> for u32 {
    fn from(hops: Hops) -> Self {
        hops.0.get().into()
    }
}

impl fmt::Display for Hops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often neighbors are heard of, and how soon a silent one counts as lost, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TimersForm", into = "TimersForm")]
pub struct Timers {
    keepalive: u16,
    hold: u16,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimersForm {
    keepalive: u32,
    hold: u32,
}

/// Times that no session can be kept with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a keepalive of {keepalive} s with a hold time of {hold} s cannot be kept: use a hold time of 3 \
     to 65535 s and a keepalive of 1 s to a third of it (RFC 4271, section 4.4)"
)]
pub struct TimersError {
    /// The time between two packets.
    pub keepalive: u32,
    /// The time after which a silent neighbor is lost.
    pub hold: u32,
}

impl Timers {
    /// Times in seconds.
    ///
    /// # Errors
    /// When no session can be kept with them.
    pub fn new(keepalive: u32, hold: u32) -> Result<Self, TimersError> {
        let refused = TimersError { keepalive, hold };
        match (u16::try_from(keepalive), u16::try_from(hold)) {
            (Ok(short), Ok(long)) if short >= 1 && long >= 3 && short <= long / 3 => Ok(Self {
                keepalive: short,
                hold: long,
            }),
            _ => Err(refused),
        }
    }

    /// The time between two packets, in seconds.
    pub fn keepalive(self) -> u16 {
        self.keepalive
    }

    /// The time after which a silent neighbor is lost, in seconds.
    pub fn hold(self) -> u16 {
        self.hold
    }
}

impl TryFrom<TimersForm> for Timers {
    type Error = TimersError;

    fn try_from(form: TimersForm) -> Result<Self, TimersError> {
        Self::new(form.keepalive, form.hold)
    }
}

impl From<Timers> for TimersForm {
    fn from(timers: Timers) -> Self {
        Self {
            keepalive: timers.keepalive.into(),
            hold: timers.hold.into(),
        }
    }
}

/// What both sides of a session sign their packets with: 1 to 80 printable ASCII characters without
/// space (the kernel's `TCP_MD5SIG_MAXKEYLEN`). It is not shown where values are printed for people
/// who look for faults.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Password(String);

/// A text that is no password of a session. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a password of a BGP session: use 1 to 80 printable ASCII characters without space, \
     and no ! or # first"
)]
pub struct PasswordError;

impl Password {
    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let fits = (1..=80).contains(&text.len()) && !text.starts_with(['!', '#']);
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PasswordError)
        }
    }
}

impl TryFrom<String> for Password {
    type Error = PasswordError;

    fn try_from(text: String) -> Result<Self, PasswordError> {
        text.parse()
    }
}

impl From<Password> for String {
    fn from(password: Password) -> Self {
        password.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_that_no_session_can_be_kept_with_are_refused() {
        for (keepalive, hold) in [(0, 9), (1, 2), (4, 9), (1, 65536), (3, 0)] {
            assert!(Timers::new(keepalive, hold).is_err(), "{keepalive} {hold}");
        }
        let timers = Timers::new(3, 9).unwrap();
        assert_eq!((timers.keepalive(), timers.hold()), (3, 9));
    }

    #[test]
    fn a_switch_is_no_profile_of_bfd() {
        for word in ["true", "false", "yes", "no"] {
            let error = word.parse::<Bfd>().unwrap_err();
            assert_eq!(error, BfdError::Switch(word.to_owned()));
        }
        assert_eq!("off".parse(), Ok(Bfd::Off));
        assert_eq!("fast".parse(), Ok(Bfd::Profile("fast".parse().unwrap())));
    }

    #[test]
    fn a_password_is_not_printed() {
        let password: Password = "s3cret".parse().unwrap();
        assert!(!format!("{password:?}").contains("s3cret"));
        assert!(
            !"s3 cret"
                .parse::<Password>()
                .unwrap_err()
                .to_string()
                .contains("s3")
        );
    }
}
