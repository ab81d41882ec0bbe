//! One finding about a set of objects.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object::ObjectKey;

/// What validation found: where, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Whether it stops the objects from being used.
    pub severity: Severity,
    /// The object.
    pub object: ObjectKey,
    /// The field in the object, `spec.tag`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub advice: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The objects cannot be used as they are.
    Error,
    /// The objects can be used, and do not do what one might think.
    Warning,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            field,
            problem,
            advice,
            severity,
        } = self;
        let mark = match severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{mark}{object}: {field}: {problem}: {advice}")
    }
}
