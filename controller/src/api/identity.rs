//! Who a request is from.
//!
//! # Assumes
//! Connections carry no identity yet, so the name is the one that the request claims; it is shown
//! to people and decides nothing. Whoever needs a [`Caller`] gets it from here only, so that a
//! later identity takes effect everywhere at once.

use tonic::metadata::MetadataMap;
use weft_model::text::Text;

use crate::engine::refusal::{Refusal, Violation};

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Text,
}

/// The header that a client may name its user in, where a request has no field for it.
const AUTHOR: &str = "weft-author";

impl Caller {
    /// The caller that a request's headers claim; an unnamed one where they say nothing usable.
    pub fn of(headers: &MetadataMap) -> Self {
        let name = headers
            .get(AUTHOR)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok())
            .unwrap_or_default();
        Self { name }
    }

    /// The caller that a request's author field claims to be; empty for an unnamed one.
    ///
    /// # Errors
    /// When the name is not one line of printable text.
    pub fn claimed(author: &str) -> Result<Self, Refusal> {
        let name = author.parse().map_err(|error| {
            Refusal::Invalid(vec![Violation {
                field: "author".to_owned(),
                description: format!("{error}"),
            }])
        })?;
        Ok(Self { name })
    }

    /// The caller's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}
