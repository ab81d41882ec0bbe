//! What a controller answers when it does not do what was asked, in words for people.

use tonic::{Code, Status};
use tonic_types::StatusExt;
use weft_model::object::{Kind, ObjectKey};

use crate::console::safe;
use crate::failure::Failure;
use crate::manifest::place::Place;
use crate::manifest::read::Manifest;

/// The failure that a status means; `manifests` are what was sent, in the order in which it was, so
/// that what is wrong can be told with its file and line.
pub fn failure(status: &Status, manifests: &[Manifest]) -> Failure {
    let message = safe(status.message());
    match status.code() {
        Code::InvalidArgument => match status.get_details_bad_request() {
            Some(bad) if !bad.field_violations.is_empty() => {
                let told = bad.field_violations.iter();
                let told = told.map(|it| violation(&it.field, &it.description, manifests));
                let mut told: Vec<(Option<Place>, String)> = told.collect();
                // In the order of the files; what is wrong elsewhere comes last.
                told.sort_by(|(one, _), (other, _)| match (one, other) {
                    (Some(one), Some(other)) => one.cmp(other),
                    (one, other) => other.is_some().cmp(&one.is_some()),
                });
                let line = |(place, text): (Option<Place>, String)| match place {
                    Some(place) => format!("{place}: {text}"),
                    None => text,
                };
                Failure::Refused(told.into_iter().map(line).collect())
            }
            _ => Failure::refused(message),
        },
        Code::Aborted => match status.get_details_error_info() {
            Some(info) if info.reason == "STALE_VERSION" => {
                let object = info.metadata.get("object");
                let manifest = object.and_then(|name| find(name, manifests));
                Failure::refused(match manifest {
                    Some(it) => format!("{}: {message}", it.place_of("metadata.version")),
                    None => message,
                })
            }
            _ => Failure::failed(format!("{message}; the same command may work now")),
        },
        Code::NotFound | Code::AlreadyExists | Code::OutOfRange => Failure::refused(message),
        Code::FailedPrecondition => match status.get_details_error_info() {
            Some(info) if info.reason == "ROLLOUT_ACTIVE" => Failure::failed(format!(
                "{message}: see weftctl rollout status, weftctl rollout abort"
            )),
            Some(info) if info.reason == "LOCKED" => Failure::failed(format!(
                "{message}: see weftctl lock show, weftctl lock --force"
            )),
            _ => Failure::failed(message),
        },
        Code::Unimplemented => Failure::failed(format!(
            "the controller cannot do this ({message}): use the weftctl of the controller's version"
        )),
        Code::DeadlineExceeded => {
            Failure::failed(format!("the controller did not answer in time: {message}"))
        }
        _ => Failure::failed(format!("the controller: {message}")),
    }
}

/// One violation: file and line where they are known; object, field, what is wrong.
fn violation(field: &str, description: &str, manifests: &[Manifest]) -> (Option<Place>, String) {
    let description = safe(description);
    if let Some((key, inside)) = split(field) {
        let place = find(&key.to_string(), manifests).map(|it| it.place_of(&inside));
        let inside = if inside.is_empty() {
            inside
        } else {
            format!("{inside}: ")
        };
        return (place, safe(&format!("{key}: {inside}{description}")));
    }
    // The request's own words: the object is known by its position.
    let sent = field.strip_prefix("put[").and_then(|rest| {
        let (index, inside) = rest.split_once(']')?;
        let manifest = manifests.get(index.parse::<usize>().ok()?)?;
        Some((manifest, inside.trim_start_matches('.')))
    });
    match sent {
        Some((manifest, inside)) => {
            let place = manifest.place_of(inside);
            let key = manifest.object.key();
            (Some(place), format!("{key}: {inside}: {description}"))
        }
        None if field.is_empty() => (None, description),
        None => (None, format!("{}: {description}", safe(field))),
    }
}

/// The object and the field that `vnet/web/spec.tag` names.
fn split(field: &str) -> Option<(ObjectKey, String)> {
    let mut parts = field.splitn(3, '/');
    let kind = parts.next()?;
    let kind = Kind::ALL.into_iter().find(|it| it.lowercase() == kind)?;
    let name = parts.next()?;
    let inside = parts.next().unwrap_or_default();
    Some((ObjectKey::new(kind, name), inside.to_owned()))
}

fn find<'a>(key: &str, manifests: &'a [Manifest]) -> Option<&'a Manifest> {
    manifests
        .iter()
        .find(|it| it.object.key().to_string() == key)
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;
    use crate::manifest::document::Source;
    use crate::manifest::read::read;

    fn manifests() -> Vec<Manifest> {
        let text = "apiVersion: weft/v1\nkind: Vnet\nmetadata:\n  name: web\n  version: 3\nspec:\n  zone: blue\n  tag: 100\n";
        let source = Source {
            name: "net.yaml".into(),
            text: text.to_owned(),
        };
        read(&[source]).unwrap()
    }

    #[test]
    fn every_violation_is_told_with_its_line() {
        let violations = [
            ("vnet/web/spec.tag", "taken by vnet/db: use another"),
            ("vnet/web/spec.mac", "wrong"),
            ("put[0].metadata.name", "too long"),
            ("zone/blue/spec", "does not exist"),
            ("message", "two lines"),
        ];
        let violations = violations.map(|(field, text)| FieldViolation::new(field, text));
        let details = ErrorDetails::with_bad_request(violations.to_vec());
        let status = Status::with_error_details(Code::InvalidArgument, "not valid", details);
        assert_eq!(
            failure(&status, &manifests()),
            Failure::Refused(vec![
                "net.yaml:4: vnet/web: metadata.name: too long".to_owned(),
                "net.yaml:6: vnet/web: spec.mac: wrong".to_owned(),
                "net.yaml:8: vnet/web: spec.tag: taken by vnet/db: use another".to_owned(),
                "zone/blue: spec: does not exist".to_owned(),
                "message: two lines".to_owned(),
            ])
        );
    }

    #[test]
    fn a_stale_version_is_told_with_its_line() {
        let facts = std::collections::HashMap::from([("object".to_owned(), "vnet/web".to_owned())]);
        let details = ErrorDetails::with_error_info("STALE_VERSION", "weft", facts);
        let status = Status::with_error_details(Code::Aborted, "vnet/web is at version 4", details);
        assert_eq!(
            failure(&status, &manifests()),
            Failure::refused("net.yaml:5: vnet/web is at version 4")
        );
    }

    #[test]
    fn what_nobody_gave_is_a_failure_and_what_somebody_gave_is_refused() {
        let code = |status: Status| failure(&status, &[]).code();
        assert_eq!(code(Status::not_found("no")), 2);
        assert_eq!(code(Status::invalid_argument("no")), 2);
        assert_eq!(code(Status::failed_precondition("no")), 1);
        assert_eq!(code(Status::internal("no")), 1);
    }
}
