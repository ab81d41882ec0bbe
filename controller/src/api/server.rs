//! The one listener with all services behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use weft_proto::v1::agents_server::{Agents, AgentsServer};
use weft_proto::v1::cluster_server::ClusterServer;
use weft_proto::v1::nodes_server::NodesServer;
use weft_proto::v1::objects_server::ObjectsServer;
use weft_proto::v1::revisions_server::RevisionsServer;
use weft_proto::v1::rollouts_server::RolloutsServer;

use super::cluster::ClusterService;
use super::connection::Connection;
use super::desk::Desk;
use super::nodes::NodesService;
use super::objects::ObjectsService;
use super::patience::Patient;
use super::revisions::RevisionsService;
use super::rollouts::RolloutsService;

/// The largest message that is taken or sent: 20,000 objects of some kilobytes each would not fit
/// into tonic's own 4 MiB.
const LARGEST_MESSAGE: usize = 64 << 20;

/// How often a silent connection is asked whether it is still there, and how long it may take to
/// say so: a dead agent is noticed well within its lease.
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_LIMIT: Duration = Duration::from_secs(10);

/// How many requests one connection may have open: a client has a handful, and more are somebody
/// else's memory.
const STREAMS_PER_CONNECTION: u32 = 256;

/// Whose health is told; the empty name is the server as a whole.
const SERVICES: [&str; 7] = [
    "",
    weft_proto::v1::objects_server::SERVICE_NAME,
    weft_proto::v1::revisions_server::SERVICE_NAME,
    weft_proto::v1::rollouts_server::SERVICE_NAME,
    weft_proto::v1::nodes_server::SERVICE_NAME,
    weft_proto::v1::cluster_server::SERVICE_NAME,
    weft_proto::v1::agents_server::SERVICE_NAME,
];

/// The services could not be offered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The schema that reflection serves is not readable.
    #[error("cannot offer reflection")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The listener broke.
    #[error("cannot go on serving")]
    Serve(#[source] tonic::transport::Error),
}

/// Takes the address.
///
/// # Errors
/// When it is taken, or not one of this machine.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// Serves until `stop`, then until the last request is answered.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    desk: Desk,
    agents: impl Agents,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    // A command must not wait until a node has acknowledged the one before it.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    serve_incoming(incoming, desk, agents, stop).await
}

/// Serves whoever comes in, over connections of any kind, until `stop`, then until the last request
/// is answered.
///
/// # Errors
/// When no more can come in.
pub async fn serve_incoming<IO>(
    incoming: impl Stream<Item = io::Result<IO>>,
    desk: Desk,
    agents: impl Agents,
    stop: CancellationToken,
) -> Result<(), ServeError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(weft_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(ServeError::Reflection)?;
    let (health, health_service) = tonic_health::server::health_reporter();
    let pulse = desk.store.kv().pulse();
    let objects = sized_objects(ObjectsService(desk.clone()));
    let revisions = RevisionsServer::new(RevisionsService(desk.clone()))
        .max_encoding_message_size(LARGEST_MESSAGE);
    let rollouts = RolloutsServer::new(RolloutsService(desk.clone()))
        .max_encoding_message_size(LARGEST_MESSAGE);
    let cluster = ClusterServer::new(ClusterService(desk.clone()));
    let nodes = NodesServer::new(NodesService(desk)).max_encoding_message_size(LARGEST_MESSAGE);
    let agents = AgentsServer::new(agents).max_encoding_message_size(LARGEST_MESSAGE);
    for service in SERVICES {
        health
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    let stopping = stop.clone();
    let withdraw = async move {
        stopping.cancelled().await;
        for service in SERVICES {
            health
                .set_service_status(service, ServingStatus::NotServing)
                .await;
        }
    };
    Server::builder()
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PONG_LIMIT))
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(Patient::new(objects, Arc::clone(&pulse)))
        .add_service(Patient::new(revisions, Arc::clone(&pulse)))
        .add_service(Patient::new(rollouts, Arc::clone(&pulse)))
        .add_service(Patient::new(nodes, Arc::clone(&pulse)))
        .add_service(Patient::new(cluster, pulse))
        .add_service(agents)
        .serve_with_incoming_shutdown(incoming.map(|it| it.map(Connection::new)), withdraw)
        .await
        .map_err(ServeError::Serve)
}

fn sized_objects(service: ObjectsService) -> ObjectsServer<ObjectsService> {
    ObjectsServer::new(service)
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE)
}
