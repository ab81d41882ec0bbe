//! The nodes over gRPC.

use std::pin::Pin;

use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};
use weft_model::name::NodeName;
use weft_proto::convert::report::event_to_wire;
use weft_proto::v1;

use super::answer;
use super::desk::Desk;
use super::reading::Read;
use crate::engine::board::NodeNews;
use crate::engine::refusal::Refusal;

/// The `Nodes` service.
pub struct NodesService(pub Desk);

#[tonic::async_trait]
impl v1::nodes_server::Nodes for NodesService {
    async fn list(
        &self,
        _: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let statuses = self.0.statuses(&self.0.mirror.now());
        Ok(Response::new(v1::ListNodesResponse {
            nodes: statuses.nodes(),
            head: self.0.board.head().revision.0,
        }))
    }

    async fn get(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::NodeView>, Status> {
        let name = request.into_inner().node;
        let statuses = self.0.statuses(&self.0.mirror.now());
        let view = name
            .parse()
            .ok()
            .and_then(|node: NodeName| statuses.node(&node));
        view.map(Response::new).ok_or_else(|| {
            answer::status(Refusal::Missing {
                what: format!("node {name:?}"),
            })
        })
    }

    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<v1::NodeEvent, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<v1::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        self.0.port().map_err(answer::status)?;
        let only = request.get_ref().node.clone();
        let news = self.0.board.news();
        let state = (news, self.0.stop.clone(), only);
        let stream = futures::stream::unfold(state, |(mut news, stop, only)| async move {
            loop {
                // Cancel-safe: an event that is not taken stays for the next call.
                let received = tokio::select! {
                    biased;
                    () = stop.cancelled() => return None,
                    received = news.recv() => received,
                };
                let item = match received {
                    Ok(NodeNews { node, event }) if only.is_empty() || node.as_str() == only => {
                        Ok(event_to_wire(&node, &event))
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(missed)) => Err(Status::resource_exhausted(format!(
                        "the watcher reads more slowly than events come and missed {missed}: \
                         watch again"
                    ))),
                    Err(RecvError::Closed) => return None,
                };
                return Some((item, (news, stop, only)));
            }
        });
        // An error is the last thing that a stream says.
        let stream = Box::pin(super::until_error(stream));
        let stream = Read::by(&request, self.0.unread, "events", stream);
        Ok(Response::new(Box::pin(stream)))
    }
}
