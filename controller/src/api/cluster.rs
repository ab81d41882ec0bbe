//! The cluster as a whole over gRPC.

use std::time::Duration;

use tonic::{Request, Response, Status};
use weft_core::diff;
use weft_model::revision::Incarnation;
use weft_model::text::Text;
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use super::identity::Caller;
use super::objects::idempotency;
use crate::engine::draft::Stumbles;
use crate::engine::lock::Wanted;
use crate::engine::port::Role;
use crate::engine::refusal::{Refusal, Violation};
use crate::engine::storage;
use crate::store::error::StoreError;
use crate::store::lock::{Against, Lock};

/// How many audit records are listed when nobody says how many.
const USUAL: usize = 50;

/// As many as are kept.
const MOST: usize = 10_000;

/// The `Cluster` service.
pub struct ClusterService(pub Desk);

#[tonic::async_trait]
impl v1::cluster_server::Cluster for ClusterService {
    async fn status(
        &self,
        _: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let desk = &self.0;
        let (leader, leads) = match &*desk.roles.borrow() {
            Role::Leading { .. } => (desk.own.clone(), true),
            Role::Following { leader } => (leader.clone().unwrap_or_default(), false),
        };
        let head = desk.board.head();
        let draft = desk.mirror.now();
        let pending = diff::diff(head.intent.snapshot(), draft.snapshot()).len();
        let nodes = desk.statuses(&draft).nodes();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let identity = desk.store.cluster();
        let quarantine = desk.store.quarantine();
        // At the same time: the status is not to take longer than a silent store is waited for.
        let warnings = desk.store.warnings();
        let (rollout, lock, identity, quarantine, warnings) = tokio::join!(
            known(desk.active()),
            known(self.lock_state()),
            known(identity),
            known(quarantine),
            known(warnings),
        );
        let identity = identity.unwrap_or_else(|| desk.cluster.clone());
        let quarantine = quarantine.flatten().map(|quarantine| quarantine.why);
        let mut warnings = warnings.unwrap_or_default();
        warnings.extend(lost(desk.mirror.stumbles()));
        Ok(Response::new(v1::ClusterStatus {
            cluster: identity.id.to_string(),
            incarnation: identity.incarnation.0,
            leader,
            leads,
            head: head.revision.0,
            pending: count(pending),
            nodes: count(nodes.len()),
            connected: count(nodes.iter().filter(|node| node.connected).count()),
            current: count(nodes.iter().filter(|node| node.current).count()),
            rollout: rollout.flatten(),
            lock,
            quarantine: quarantine.unwrap_or_default(),
            silent_seconds: desk.store.kv().pulse().silent_for().as_secs(),
            warnings,
        }))
    }

    async fn lock(
        &self,
        request: Request<v1::LockRequest>,
    ) -> Result<Response<v1::LockState>, Status> {
        let request = request.into_inner();
        let wanted = wanted(request).map_err(answer::status)?;
        let writer = self.0.writer().map_err(answer::status)?;
        let span = wanted.span;
        let lock = writer.lock(wanted).await.map_err(answer::status)?;
        Ok(Response::new(held(&lock, span)))
    }

    async fn unlock(
        &self,
        request: Request<v1::UnlockRequest>,
    ) -> Result<Response<v1::LockState>, Status> {
        let request = request.into_inner();
        let caller = Caller::claimed(&request.author).map_err(answer::status)?;
        let writer = self.0.writer().map_err(answer::status)?;
        let against = against(request.force);
        let key = idempotency(&request.idempotency_key).map_err(answer::status)?;
        writer
            .unlock(caller.name(), against, key)
            .await
            .map_err(answer::status)?;
        Ok(Response::new(v1::LockState::default()))
    }

    async fn audit(
        &self,
        request: Request<v1::AuditRequest>,
    ) -> Result<Response<v1::AuditResponse>, Status> {
        let request = request.into_inner();
        let limit = super::limit(request.limit, USUAL, MOST);
        let filtered = !request.action.is_empty() || !request.author.is_empty();
        let read = if filtered { MOST } else { limit };
        let found = self.0.store.audits(read).await.map_err(refuse)?;
        let records = found
            .into_iter()
            .filter(|audit| audit.action.starts_with(&request.action))
            .filter(|audit| request.author.is_empty() || audit.author == request.author)
            .take(limit)
            .map(|audit| v1::AuditRecord {
                at: audit.at.0,
                author: audit.author,
                action: audit.action,
                detail: audit.detail,
            });
        Ok(Response::new(v1::AuditResponse {
            records: records.collect(),
        }))
    }

    async fn accept_restore(
        &self,
        request: Request<v1::AcceptRestoreRequest>,
    ) -> Result<Response<v1::AcceptRestoreResponse>, Status> {
        let request = request.into_inner();
        let caller = Caller::claimed(&request.author).map_err(answer::status)?;
        let reason = text("reason", &request.reason).map_err(answer::status)?;
        let writer = self.0.writer().map_err(answer::status)?;
        let port = self.0.port().map_err(answer::status)?;
        let accepted = writer
            .accept_restore(caller.name(), reason.as_str(), self.heard_of())
            .await
            .map_err(answer::status)?;
        // A leader that is gone meanwhile is followed by one that reads the store anew.
        let _ = port.reopen().await;
        Ok(Response::new(v1::AcceptRestoreResponse {
            incarnation: accepted.0,
        }))
    }

    async fn get_lock(
        &self,
        _: Request<v1::GetLockRequest>,
    ) -> Result<Response<v1::LockState>, Status> {
        self.lock_state().await.map(Response::new)
    }
}

impl ClusterService {
    /// The highest incarnation that a node that is here has heard of.
    fn heard_of(&self) -> Incarnation {
        self.0.board.read(|state| {
            let nodes = state.roster.known();
            let pins = nodes.filter_map(|node| state.roster.get(node)?.hello().pin);
            pins.map(|pin| pin.incarnation).max().unwrap_or_default()
        })
    }

    async fn lock_state(&self) -> Result<v1::LockState, Status> {
        let lock = self.0.store.lock().await.map_err(refuse)?;
        let state = lock.map(|(lock, remaining)| held(&lock, remaining));
        Ok(state.unwrap_or_default())
    }
}

/// How long the status waits for what only the store knows.
const STATUS_LIMIT: Duration = Duration::from_millis(1_000);

/// What the store says, unless it is silent: the status tells the rest.
async fn known<T, E>(asked: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(STATUS_LIMIT, asked).await.ok()?.ok()
}

fn wanted(request: v1::LockRequest) -> Result<Wanted, Refusal> {
    let caller = Caller::claimed(&request.author)?;
    let reason = text("reason", &request.reason)?;
    Ok(Wanted {
        owner: caller.name().to_owned(),
        reason: reason.to_string(),
        span: Duration::from_secs(request.seconds.into()),
        against: against(request.force),
        idempotency: idempotency(&request.idempotency_key)?,
    })
}

fn text(field: &str, text: &str) -> Result<Text, Refusal> {
    text.parse().map_err(|error| {
        Refusal::Invalid(vec![Violation {
            field: field.to_owned(),
            description: format!("{error}"),
        }])
    })
}

fn against(force: bool) -> Against {
    if force {
        Against::Anybody
    } else {
        Against::Nobody
    }
}

/// What a person should know of a watch that did not bring everything: once may be a compaction,
/// often is an etcd that loses events.
fn lost(stumbles: Stumbles) -> Option<String> {
    let count = stumbles.missed + stumbles.differed;
    (count > 0).then(|| {
        format!(
            "etcd's watch did not bring every change, {count} times since this controller started; \
             each time the draft was read again"
        )
    })
}

fn held(lock: &Lock, remaining: Duration) -> v1::LockState {
    v1::LockState {
        held: true,
        owner: lock.owner.clone(),
        reason: lock.reason.clone(),
        since: lock.since.0,
        until: lock.until.0,
        remaining_seconds: u32::try_from(remaining.as_secs()).unwrap_or(u32::MAX),
    }
}

fn refuse(error: StoreError) -> Status {
    answer::status(storage::refusal(&error))
}
