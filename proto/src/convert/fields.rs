//! Reading the fields of a message while collecting every one that is wrong.

use std::fmt;
use std::str::FromStr;

/// One field that cannot be what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's path, `spec.vxlan.port`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<FieldError>);

impl Invalid {
    /// The error that one field is wrong.
    pub fn field(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self(vec![FieldError {
            field: field.into(),
            problem: problem.to_string(),
        }])
    }

    /// The same error, with `prefix` before every path.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        for error in &mut self.0 {
            error.field = format!("{prefix}.{}", error.field);
        }
        self
    }
}

/// Collects the wrong fields of one message.
#[derive(Default)]
pub(crate) struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, field: impl Into<String>, problem: impl fmt::Display) {
        self.errors.push(FieldError {
            field: field.into(),
            problem: problem.to_string(),
        });
    }

    /// Keeps a value, or notes why there is none.
    pub(crate) fn keep<T, E: fmt::Display>(
        &mut self,
        field: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.refuse(field, error)).ok()
    }

    /// Reads a text that must be there.
    pub(crate) fn text<T: FromStr<Err: fmt::Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<T> {
        self.keep(field, text.parse())
    }

    /// Reads a text that may be empty. The outer `None` says that it is wrong.
    pub(crate) fn maybe_text<T: FromStr<Err: fmt::Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() {
            Some(None)
        } else {
            self.text(field, text).map(Some)
        }
    }

    /// Reads a number that may be left out. The outer `None` says that it is wrong.
    pub(crate) fn maybe_number<T: TryFrom<u32, Error: fmt::Display>>(
        &mut self,
        field: &str,
        number: Option<u32>,
    ) -> Option<Option<T>> {
        match number {
            None => Some(None),
            Some(number) => self.keep(field, T::try_from(number)).map(Some),
        }
    }

    /// Reads every text of a list.
    pub(crate) fn texts<T: FromStr<Err: fmt::Display>, C: FromIterator<T>>(
        &mut self,
        field: &str,
        texts: &[String],
    ) -> C {
        let read = |(at, text): (usize, &String)| self.text(&format!("{field}[{at}]"), text);
        texts.iter().enumerate().filter_map(read).collect()
    }

    /// Takes over what another reading found, under `prefix`.
    pub(crate) fn within<T>(&mut self, prefix: &str, value: Result<T, Invalid>) -> Option<T> {
        value
            .map_err(|invalid| self.errors.extend(invalid.within(prefix).0))
            .ok()
    }

    /// Takes over what another reading found, as it is.
    pub(crate) fn take<T>(&mut self, value: Result<T, Invalid>) -> Option<T> {
        value.map_err(|invalid| self.errors.extend(invalid.0)).ok()
    }

    /// The value, if it could be read and nothing was wrong on the way.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => {
                if self.errors.is_empty() {
                    self.refuse("message", "a part of it is missing");
                }
                Err(Invalid(self.errors))
            }
        }
    }
}
