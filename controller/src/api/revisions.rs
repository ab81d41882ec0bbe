//! Published revisions over gRPC.

use tonic::{Request, Response, Status};
use weft_core::snapshot::Snapshot;
use weft_model::revision::{RevisionId, Version};
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use super::difference;
use crate::engine::{past, storage};
use crate::store::error::StoreError;
use crate::store::revision::Summary;

/// How many revisions are listed when nobody says how many.
const USUAL: usize = 50;

/// How many revisions are listed at most.
const MOST: usize = 1_000;

/// The `Revisions` service.
pub struct RevisionsService(pub Desk);

#[tonic::async_trait]
impl v1::revisions_server::Revisions for RevisionsService {
    async fn list(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Result<Response<v1::ListRevisionsResponse>, Status> {
        let limit = super::limit(request.into_inner().limit, USUAL, MOST);
        let listed = self.0.store.revisions(limit).await.map_err(refuse)?;
        let head = self.0.store.head().await.map_err(refuse)?;
        Ok(Response::new(v1::ListRevisionsResponse {
            revisions: listed.into_iter().map(summary).collect(),
            head: head.revision.0,
        }))
    }

    async fn get(
        &self,
        request: Request<v1::GetRevisionRequest>,
    ) -> Result<Response<v1::Revision>, Status> {
        let revision = RevisionId(request.into_inner().revision);
        let store = &self.0.store;
        let found = store.summary(revision).await.map_err(refuse)?;
        let content = store.load(revision).await.map_err(refuse)?;
        let objects = content.objects.values().map(Into::into).collect();
        let stored = content.objects.into_values().map(|stored| stored.object);
        let own = Snapshot::new(Version::default(), stored, content.facts);
        // A parent that is pruned leaves the comparison out, not the revision.
        let (changes, class) = past::snapshot(store, found.parent)
            .await
            .map(|parent| difference::classified(&parent, &own))
            .unwrap_or_default();
        Ok(Response::new(v1::Revision {
            objects,
            changes,
            class,
            ..summary(found)
        }))
    }
}

fn refuse(error: StoreError) -> Status {
    answer::status(storage::refusal(&error))
}

fn summary(summary: Summary) -> v1::Revision {
    v1::Revision {
        revision: summary.revision.0,
        parent: summary.parent.0,
        author: summary.author,
        message: summary.message,
        created: summary.created.0,
        object_count: summary.object_count,
        ..v1::Revision::default()
    }
}
