//! The draft over gRPC: convert, ask, convert.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};
use weft_core::snapshot::Snapshot;
use weft_model::object::{Kind, Object, ObjectKey};
use weft_model::revision::Version;
use weft_proto::convert::object::{expected_version, kind, labels};
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use super::difference;
use super::identity::Caller;
use super::reading::Read;
use super::watch::watch_from;
use crate::engine::edit::{self, Edited};
use crate::engine::refusal::{Refusal, Violation, violations};
use crate::engine::writer::Edit;
use crate::store::draft::{Action, Change};
use crate::store::write::Idempotency;

/// How many changes one request may ask for.
const MOST_CHANGES: usize = 20_000;

/// Longer keys are somebody's data, not somebody's key.
const LONGEST_KEY: usize = 128;

/// The `Objects` service.
pub struct ObjectsService(pub Desk);

#[tonic::async_trait]
impl v1::objects_server::Objects for ObjectsService {
    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::Object>, Status> {
        let key = request.into_inner().key.unwrap_or_default();
        let key = ObjectKey::try_from(&key)
            .map_err(|invalid| answer::status(Refusal::unreadable("key", invalid)))?;
        let draft = self.0.mirror.now();
        let statuses = self.0.statuses(&draft);
        if let Some(stored) = draft.stored().get(&key) {
            return Ok(Response::new(statuses.dressed(stored)));
        }
        // An object that only the confirmed revision still has is shown as what it is: leaving.
        statuses
            .leaving(&key)
            .map(Response::new)
            .ok_or_else(|| missing(&key))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        let request = request.into_inner();
        let only = kind(request.kind);
        let wanted = labels(&request.labels)
            .map_err(|invalid| answer::status(Refusal::unreadable("", invalid)))?;
        let draft = self.0.mirror.now();
        let statuses = self.0.statuses(&draft);
        let matches = |object: &Object| {
            only.is_none_or(|only| only == object.kind())
                && wanted
                    .iter()
                    .all(|(key, value)| object.labels().get(key) == Some(value))
        };
        let objects = draft
            .stored()
            .values()
            .filter(|stored| matches(&stored.object))
            .map(|stored| {
                if request.without_status {
                    v1::Object::from(&**stored)
                } else {
                    statuses.dressed(stored)
                }
            })
            .collect();
        Ok(Response::new(v1::ListResponse {
            objects,
            deleted: statuses.all_leaving(matches),
            version: draft.version().0,
        }))
    }

    async fn apply(
        &self,
        request: Request<v1::ApplyRequest>,
    ) -> Result<Response<v1::ApplyResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let request = request.into_inner();
        let changes = changes(&request).map_err(answer::status)?;
        let idempotency = idempotency(&request.idempotency_key).map_err(answer::status)?;
        let edited = if request.dry_run {
            edit::rehearse(&self.0.judge, &self.0.mirror.now(), &changes)
        } else {
            let writer = self.0.writer().map_err(answer::status)?;
            let edit = Edit {
                changes,
                author: caller.name().to_owned(),
                action: "apply",
                idempotency,
            };
            writer.edit(edit).await
        };
        edited
            .map(|edited| Response::new(applied(edited)))
            .map_err(answer::status)
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchEvent, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let wanted = request.get_ref();
        let stream = watch_from(&self.0, kind(wanted.kind), Version(wanted.from_version))?;
        let stream = Read::by(&request, self.0.unread, "objects", Box::pin(stream));
        Ok(Response::new(Box::pin(stream)))
    }

    async fn discard(
        &self,
        request: Request<v1::DiscardRequest>,
    ) -> Result<Response<v1::ApplyResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let key = idempotency(&request.get_ref().idempotency_key).map_err(answer::status)?;
        let writer = self.0.writer().map_err(answer::status)?;
        let head = self.0.board.head();
        let draft = self.0.mirror.now();
        let confirmed = edit::returned(&draft, head.intent.snapshot());
        let edit = Edit {
            changes: edit::towards(&draft, &confirmed),
            author: caller.name().to_owned(),
            action: "discard",
            idempotency: key,
        };
        writer
            .edit(edit)
            .await
            .map(|edited| Response::new(applied(edited)))
            .map_err(answer::status)
    }

    async fn diff(
        &self,
        request: Request<v1::DiffRequest>,
    ) -> Result<Response<v1::DiffResponse>, Status> {
        let draft = self.0.mirror.now();
        let next: Snapshot = match request.into_inner().changes {
            None => draft.snapshot().clone(),
            Some(request) => {
                let changes = changes(&request).map_err(answer::status)?;
                edit::changed(&draft, &changes)
            }
        };
        let verdict = self.0.judge.of_hypothesis(next.clone());
        Ok(Response::new(difference::between(
            &self.0.board,
            &next,
            &verdict,
        )))
    }
}

fn missing(key: &ObjectKey) -> Status {
    answer::status(Refusal::Missing {
        what: key.to_string(),
    })
}

/// Reads the changes of a request, and names everything that cannot be read.
fn changes(request: &v1::ApplyRequest) -> Result<Vec<Change>, Refusal> {
    let count = request.put.len() + request.delete.len();
    if count > MOST_CHANGES {
        return Err(Refusal::Invalid(vec![Violation {
            field: "put".to_owned(),
            description: format!(
                "{count} changes are more than the {MOST_CHANGES} that one request may have: \
                 send several requests"
            ),
        }]));
    }
    let mut found = Vec::new();
    let mut changes = Vec::with_capacity(count);
    for (at, wire) in request.put.iter().enumerate() {
        match Object::try_from(wire) {
            Ok(object) => changes.push(Change::Put {
                object,
                expected: expected_version(wire),
            }),
            Err(invalid) => found.extend(violations_of_object(at, wire, invalid)),
        }
    }
    for (at, wire) in request.delete.iter().enumerate() {
        let absent = v1::ObjectKey::default();
        match ObjectKey::try_from(wire.key.as_ref().unwrap_or(&absent)) {
            Ok(key) => changes.push(Change::Delete {
                key,
                expected: (wire.version > 0).then_some(Version(wire.version)),
            }),
            Err(invalid) => found.extend(violations(&format!("delete[{at}].key"), invalid)),
        }
    }
    if found.is_empty() {
        Ok(changes)
    } else {
        Err(Refusal::Invalid(found))
    }
}

/// Says which object a field is in the way that findings of validation say it, where the object
/// says enough of itself; else where in the request it stands.
fn violations_of_object(
    at: usize,
    wire: &v1::Object,
    invalid: weft_proto::convert::fields::Invalid,
) -> Vec<Violation> {
    let kind = wire.spec.as_ref().map(|spec| match spec {
        v1::object::Spec::Zone(_) => Kind::Zone,
        v1::object::Spec::Vnet(_) => Kind::Vnet,
        v1::object::Spec::Subnet(_) => Kind::Subnet,
        v1::object::Spec::Node(_) => Kind::Node,
        v1::object::Spec::HostNetwork(_) => Kind::HostNetwork,
        v1::object::Spec::Controller(_) => Kind::Controller,
        v1::object::Spec::PrefixList(_) => Kind::PrefixList,
        v1::object::Spec::RouteMap(_) => Kind::RouteMap,
        v1::object::Spec::FrrSnippet(_) => Kind::FrrSnippet,
        v1::object::Spec::Fabric(_) => Kind::Fabric,
    });
    let name = wire
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.as_str())
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/'));
    let place = match (kind, name) {
        (Some(kind), Some(name)) => ObjectKey::new(kind, name).to_string(),
        (_, _) => return violations(&format!("put[{at}]"), invalid),
    };
    violations("", invalid)
        .into_iter()
        .map(|violation| Violation {
            field: format!("{place}/{}", violation.field),
            ..violation
        })
        .collect()
}

/// Reads an idempotency key; an empty one is none.
pub(super) fn idempotency(key: &str) -> Result<Option<Idempotency>, Refusal> {
    if key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::Invalid(vec![Violation {
            field: "idempotency_key".to_owned(),
            description: format!(
                "use up to {LONGEST_KEY} printable ASCII characters without spaces"
            ),
        }]));
    }
    Ok((!key.is_empty()).then(|| Idempotency(key.to_owned())))
}

fn applied(edited: Edited) -> v1::ApplyResponse {
    let outcome = |(key, action): (ObjectKey, Action)| v1::Outcome {
        key: Some((&key).into()),
        action: match action {
            Action::Created => "created",
            Action::Changed => "changed",
            Action::Unchanged => "unchanged",
            Action::Deleted => "deleted",
        }
        .to_owned(),
    };
    v1::ApplyResponse {
        outcomes: edited.applied.outcomes.into_iter().map(outcome).collect(),
        version: edited.applied.version.0,
        warnings: edited.notes.iter().map(Into::into).collect(),
    }
}
