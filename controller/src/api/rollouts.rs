//! Rollouts over gRPC.

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use weft_core::rollout::record::{Phase, Record};
use weft_model::revision::{RevisionId, RolloutId};
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use super::identity::Caller;
use super::objects::idempotency;
use super::reading::Read;
use crate::engine::port::{Start, Started, Way, Wish};
use crate::engine::refusal::Refusal;
use crate::engine::storage;
use crate::engine::term::steer::is_granted;
use crate::status::rollout::{ended, recorded, running};
use crate::store::error::StoreError;
use crate::store::rollout::Recorded;

/// How many rollouts are listed when nobody says how many.
const USUAL: usize = 50;

/// How many rollouts are listed at most.
const MOST: usize = 1_000;

/// A watcher is shown the latest state at most this often: people read no faster, and ten thousand
/// nodes change faster.
const CONFLATE: Duration = Duration::from_millis(100);

/// A watcher is shown the remaining time to confirm at least this often.
const REFRESH: Duration = Duration::from_secs(1);

/// The phase after which nothing changes any more.
const CLOSED: &str = "Closed";

/// The `Rollouts` service.
pub struct RolloutsService(pub Desk);

impl RolloutsService {
    async fn steer(
        &self,
        request: Request<v1::RolloutCommand>,
        way: Way,
    ) -> Result<Response<v1::Rollout>, Status> {
        let request = request.into_inner();
        let caller = Caller::claimed(&request.author).map_err(answer::status)?;
        let key = idempotency(&request.idempotency_key).map_err(answer::status)?;
        let port = self.0.port().map_err(answer::status)?;
        if let Some(key) = &key
            && let Some(known) = self.0.store.started(key).await.map_err(refuse)?
        {
            return self.0.rollout(known).await.map(Response::new);
        }
        let wanted = Some(RolloutId(request.rollout)).filter(|id| id.0 > 0);
        match way {
            // What goes on is a change like any other; to stop or to go back is open to all.
            Way::Confirm | Way::Resume => {
                let writer = self.0.writer().map_err(answer::status)?;
                let heeded = writer.heed_lock(caller.name()).await;
                heeded.map_err(answer::status)?;
            }
            Way::Pause | Way::Abort => {}
        }
        let id = match port.steer(wanted, caller.name().to_owned(), way, key).await {
            Ok(id) => id,
            Err(refusal) => self.granted(wanted, &caller, way, refusal).await?,
        };
        self.0.rollout(id).await.map(Response::new)
    }

    /// The rollout that a wish was granted for before, perhaps by an earlier leader: who repeats a
    /// wish whose answer was lost is told that it is so.
    async fn granted(
        &self,
        rollout: Option<RolloutId>,
        caller: &Caller,
        way: Way,
        refusal: Refusal,
    ) -> Result<RolloutId, Status> {
        if let (Refusal::NotNow(_), Some(id)) = (&refusal, rollout) {
            let found: Result<Recorded<Record>, _> = self.0.store.rollout(id).await;
            if found.is_ok_and(|found| is_granted(&found.record, caller.name(), way)) {
                return Ok(id);
            }
        }
        Err(answer::status(refusal))
    }
}

impl Desk {
    /// A rollout as it is now: from the board where this controller drives it, else from the store.
    async fn rollout(&self, id: RolloutId) -> Result<v1::Rollout, Status> {
        if let Some(rollout) = self.running(Some(id)).filter(|it| it.phase != CLOSED) {
            return Ok(rollout);
        }
        let found: Recorded<Record> = self.store.rollout(id).await.map_err(refuse)?;
        if !matches!(found.record.phase, Phase::Closed { .. }) {
            return Ok(recorded(&found.record));
        }
        let results = self.store.results(id).await.map_err(refuse)?;
        Ok(ended(&found.record, &results))
    }

    /// The rollout on the board.
    fn running(&self, id: Option<RolloutId>) -> Option<v1::Rollout> {
        self.board.read(|state| {
            let course = state.course.as_ref()?;
            let same = id.is_none_or(|id| id == course.record().id);
            same.then(|| running(course, state.clock.now()))
        })
    }

    /// The rollout that is not closed, without its nodes.
    pub(super) async fn active(&self) -> Result<Option<v1::Rollout>, Status> {
        let found = match self.running(None) {
            Some(rollout) => Some(rollout),
            None => {
                let active = self.store.active_rollout().await.map_err(refuse)?;
                active.map(|active: Recorded<Record>| recorded(&active.record))
            }
        };
        Ok(found
            .filter(|rollout| rollout.phase != CLOSED)
            .map(without_nodes))
    }

    /// The rollout that zero stands for.
    async fn newest(&self) -> Result<RolloutId, Status> {
        let newest: Vec<Recorded<Record>> = self.store.rollouts(1).await.map_err(refuse)?;
        newest.first().map(|newest| newest.rollout).ok_or_else(|| {
            answer::status(Refusal::Missing {
                what: "rollout yet".to_owned(),
            })
        })
    }

    async fn named(&self, rollout: u64) -> Result<RolloutId, Status> {
        match rollout {
            0 => self.newest().await,
            id => Ok(RolloutId(id)),
        }
    }
}

#[tonic::async_trait]
impl v1::rollouts_server::Rollouts for RolloutsService {
    async fn start(
        &self,
        request: Request<v1::StartRequest>,
    ) -> Result<Response<v1::Rollout>, Status> {
        let request = request.into_inner();
        let start = wish(request).map_err(answer::status)?;
        let port = self.0.port().map_err(answer::status)?;
        match port.start(start).await.map_err(answer::status)? {
            Started::Rollout { id, remark } => {
                let mut rollout = self.0.rollout(id).await?;
                if !remark.is_empty() {
                    rollout.reason = format!("{}; {remark}", rollout.reason);
                }
                Ok(Response::new(rollout))
            }
            Started::Nothing { head } => Ok(Response::new(nothing(head))),
        }
    }

    async fn get(
        &self,
        request: Request<v1::GetRolloutRequest>,
    ) -> Result<Response<v1::Rollout>, Status> {
        let id = self.0.named(request.into_inner().rollout).await?;
        self.0.rollout(id).await.map(Response::new)
    }

    async fn history(
        &self,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryResponse>, Status> {
        let limit = super::limit(request.into_inner().limit, USUAL, MOST);
        let found: Vec<Recorded<Record>> = self.0.store.rollouts(limit).await.map_err(refuse)?;
        let rollouts = found
            .iter()
            .map(|found| {
                self.0
                    .running(Some(found.rollout))
                    .unwrap_or_else(|| recorded(&found.record))
            })
            .map(without_nodes)
            .collect();
        Ok(Response::new(v1::HistoryResponse { rollouts }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::Rollout, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<v1::GetRolloutRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let id = self.0.named(request.get_ref().rollout).await?;
        let first = self.0.rollout(id).await?;
        let watcher = Watcher {
            moved: self.0.board.moved(),
            desk: self.0.clone(),
            id,
            first: Some(first),
            shown: None,
            ended: false,
        };
        let stream = futures::stream::unfold(watcher, |mut watcher| async move {
            let item = watcher.next().await?;
            Some((item, watcher))
        });
        let stream = Read::by(&request, self.0.unread, "a rollout", Box::pin(stream));
        Ok(Response::new(Box::pin(stream)))
    }

    async fn pause(
        &self,
        request: Request<v1::RolloutCommand>,
    ) -> Result<Response<v1::Rollout>, Status> {
        self.steer(request, Way::Pause).await
    }

    async fn resume(
        &self,
        request: Request<v1::RolloutCommand>,
    ) -> Result<Response<v1::Rollout>, Status> {
        self.steer(request, Way::Resume).await
    }

    async fn confirm(
        &self,
        request: Request<v1::RolloutCommand>,
    ) -> Result<Response<v1::Rollout>, Status> {
        self.steer(request, Way::Confirm).await
    }

    async fn abort(
        &self,
        request: Request<v1::RolloutCommand>,
    ) -> Result<Response<v1::Rollout>, Status> {
        self.steer(request, Way::Abort).await
    }
}

/// One client that watches one rollout.
struct Watcher {
    desk: Desk,
    id: RolloutId,
    moved: watch::Receiver<u64>,
    first: Option<v1::Rollout>,
    shown: Option<v1::Rollout>,
    ended: bool,
}

impl Watcher {
    /// Cancel-safe: nothing is taken out of anywhere before it is returned.
    async fn next(&mut self) -> Option<Result<v1::Rollout, Status>> {
        if let Some(first) = self.first.take() {
            self.ended = first.phase == CLOSED;
            self.shown = Some(first.clone());
            return Some(Ok(first));
        }
        loop {
            if self.ended {
                return None;
            }
            tokio::select! {
                biased;
                () = self.desk.stop.cancelled() => {
                    self.ended = true;
                    return Some(Err(Status::unavailable("the controller stops: watch again")));
                }
                changed = self.moved.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = tokio::time::sleep(REFRESH) => {}
            }
            let rollout = match self.desk.rollout(self.id).await {
                Ok(rollout) => rollout,
                Err(status) => {
                    self.ended = true;
                    return Some(Err(status));
                }
            };
            if self.shown.as_ref() == Some(&rollout) {
                tokio::time::sleep(CONFLATE).await;
                continue;
            }
            self.ended = rollout.phase == CLOSED;
            if !self.ended {
                tokio::time::sleep(CONFLATE).await;
            }
            self.shown = Some(rollout.clone());
            return Some(Ok(rollout));
        }
    }
}

fn refuse(error: StoreError) -> Status {
    answer::status(storage::refusal(&error))
}

fn without_nodes(rollout: v1::Rollout) -> v1::Rollout {
    v1::Rollout {
        nodes: Vec::new(),
        deferred_nodes: Vec::new(),
        ..rollout
    }
}

/// What is answered when nothing differs: a rollout that is over before it began, and has no
/// number.
fn nothing(head: RevisionId) -> v1::Rollout {
    v1::Rollout {
        from: head.0,
        to: head.0,
        phase: CLOSED.to_owned(),
        decision: "none".to_owned(),
        reason: format!("nothing to roll out: the draft is revision {head}"),
        ..v1::Rollout::default()
    }
}

fn wish(request: v1::StartRequest) -> Result<Start, Refusal> {
    let caller = Caller::claimed(&request.author)?;
    let message: weft_model::text::Text = request.message.parse().map_err(|error| {
        Refusal::Invalid(vec![crate::engine::refusal::Violation {
            field: "message".to_owned(),
            description: format!("{error}"),
        }])
    })?;
    Ok(Start {
        revision: Some(RevisionId(request.revision)).filter(|revision| revision.0 > 0),
        author: caller.name().to_owned(),
        message: message.to_string(),
        wish: Wish {
            confirm_within: request
                .manual_confirm
                .then_some(request.confirm_within_seconds),
            skip_offline: request.skip_offline,
            waves: request.waves,
            max_parallel: request.max_parallel,
            pause_between: request.pause_between_seconds,
            soak: request.soak_seconds,
            probes: request.probes,
            probe_limit: request.probe_limit_seconds,
            accept: request.accept,
        },
        idempotency_key: idempotency(&request.idempotency_key)?.map(|key| key.0),
    })
}
