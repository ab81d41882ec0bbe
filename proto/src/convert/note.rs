//! Findings of validation on the wire.

use weft_model::note::{Note, Severity};
use weft_model::object::ObjectKey;

use super::fields::Invalid;
use crate::v1;

impl From<&Note> for v1::Note {
    fn from(note: &Note) -> Self {
        Self {
            severity: match note.severity {
                Severity::Error => "error".to_owned(),
                Severity::Warning => "warning".to_owned(),
            },
            object: Some((&note.object).into()),
            field: note.field.clone(),
            problem: note.problem.clone(),
            advice: note.advice.clone(),
        }
    }
}

impl TryFrom<&v1::Note> for Note {
    type Error = Invalid;

    fn try_from(wire: &v1::Note) -> Result<Self, Invalid> {
        let absent = v1::ObjectKey::default();
        let object = wire.object.as_ref().unwrap_or(&absent);
        Ok(Self {
            severity: if wire.severity == "warning" {
                Severity::Warning
            } else {
                Severity::Error
            },
            object: ObjectKey::try_from(object).map_err(|invalid| invalid.within("object"))?,
            field: wire.field.clone(),
            problem: wire.problem.clone(),
            advice: wire.advice.clone(),
        })
    }
}
