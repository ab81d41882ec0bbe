//! Where the rules put what they find.

use weft_model::note::{Note, Severity};
use weft_model::object::{Kind, ObjectKey};

/// All that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Note>);

/// The field of an object that a finding is about.
pub(super) struct Place<'a> {
    kind: Kind,
    name: &'a str,
    field: &'a str,
}

/// A field of the object of this kind and name.
pub(super) fn at<'a>(
    kind: Kind,
    name: &'a (impl AsRef<str> + ?Sized),
    field: &'a str,
) -> Place<'a> {
    Place {
        kind,
        name: name.as_ref(),
        field,
    }
}

impl Findings {
    /// Something that makes the objects unusable.
    pub(super) fn error(&mut self, place: Place<'_>, problem: String, advice: impl Into<String>) {
        self.add(Severity::Error, place, problem, advice.into());
    }

    /// Something that may not be what the user thinks.
    pub(super) fn warn(&mut self, place: Place<'_>, problem: String, advice: impl Into<String>) {
        self.add(Severity::Warning, place, problem, advice.into());
    }

    /// Every finding once, errors first.
    pub(super) fn sorted(self) -> Vec<Note> {
        let mut notes = self.0;
        notes.sort();
        notes.dedup();
        notes
    }

    fn add(&mut self, severity: Severity, place: Place<'_>, problem: String, advice: String) {
        self.0.push(Note {
            severity,
            object: ObjectKey::new(place.kind, place.name),
            field: place.field.to_owned(),
            problem,
            advice,
        });
    }
}
