//! Calls to whichever controller answers and may do what is asked.
//!
//! # Guarantees
//! A controller that is not there or does not lead is passed over for the next. Repeating is safe:
//! what changes something carries a key by which the controller knows it again.

use std::error::Error as _;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use super::refusal;
use crate::console::{self, safe};
use crate::context::Servers;
use crate::failure::{Failure, Outcome, chain};
use crate::manifest::read::Manifest;

/// A controller on the same network answers in milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long to go on asking while no controller leads: an election takes less.
const ELECTION_LIMIT: Duration = Duration::from_secs(15);

/// How long to wait before all are asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// A list of all objects of a large cluster has this many bytes at most.
const LARGEST: usize = 256 * 1024 * 1024;

/// Makes a client of a channel, with the limits that all clients have.
macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:path;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(channel: Channel) -> $client {
                <$client>::new(channel).max_decoding_message_size(LARGEST)
            }
        )*
    };
}

clients! {
    /// The draft.
    objects: weft_proto::v1::objects_client::ObjectsClient<Channel>;
    /// The nodes.
    nodes: weft_proto::v1::nodes_client::NodesClient<Channel>;
    /// The revisions.
    revisions: weft_proto::v1::revisions_client::RevisionsClient<Channel>;
    /// The cluster as a whole.
    cluster: weft_proto::v1::cluster_client::ClusterClient<Channel>;
    /// The rollouts.
    rollouts: weft_proto::v1::rollouts_client::RolloutsClient<Channel>;
}

/// The controllers that may be asked.
#[derive(Clone, Debug)]
pub struct Server {
    servers: Servers,
    channels: Vec<Channel>,
    author: String,
}

impl Server {
    /// Gets ready to ask these controllers. Nothing is sent yet.
    ///
    /// # Errors
    /// When an address is none.
    pub fn new(servers: Servers) -> Outcome<Self> {
        let channel = |url: &String| {
            let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| {
                Failure::refused(format!("{url:?} is no address: {}", chain(&error)))
            })?;
            let endpoint = endpoint
                .connect_timeout(CONNECT_LIMIT)
                .http2_keep_alive_interval(Duration::from_secs(10))
                .keep_alive_timeout(Duration::from_secs(10));
            Ok(endpoint.connect_lazy())
        };
        let channels = servers.urls.iter().map(channel).collect::<Outcome<_>>()?;
        Ok(Self {
            servers,
            channels,
            author: author(),
        })
    }

    /// Who is asking, for the history.
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Asks with the request that names who is asking.
    pub fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Ok(author) = self.author.parse() {
            request.metadata_mut().insert("weft-author", author);
        }
        request
    }

    /// Asks, and tells a refusal without file and line.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn call<T, Answer>(&self, ask: impl Fn(Channel) -> Answer) -> Outcome<T>
    where
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let answer = self.ask(ask).await;
        answer.map_err(|status| self.failure(&status, &[]))
    }

    /// Asks one controller after the other until one answers that may.
    ///
    /// # Errors
    /// What the last one said.
    pub async fn ask<T, Answer>(&self, ask: impl Fn(Channel) -> Answer) -> Result<T, Status>
    where
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let start = tokio::time::Instant::now();
        let mut told = false;
        loop {
            let mut last: Option<Status> = None;
            for channel in &self.channels {
                match ask(channel.clone()).await {
                    Ok(answer) => {
                        tell_stale(&answer);
                        return Ok(answer.into_inner());
                    }
                    Err(status) if status.code() == Code::Unavailable => {
                        // An answer that nobody leads tells more than one that is not there.
                        if is_answer(&status) || !last.as_ref().is_some_and(is_answer) {
                            last = Some(status);
                        }
                    }
                    Err(status) => return Err(status),
                }
            }
            let last = last.unwrap_or_else(|| Status::unavailable("no controller is named"));
            if !is_answer(&last) || start.elapsed() > ELECTION_LIMIT {
                return Err(last);
            }
            if !told {
                told = true;
                let seconds = ELECTION_LIMIT.as_secs();
                let message = safe(last.message());
                console::note(&format!("{message}; trying again for {seconds} s"));
            }
            tokio::time::sleep(again(&last)).await;
        }
    }

    /// What a status means for the user.
    pub fn failure(&self, status: &Status, manifests: &[Manifest]) -> Failure {
        if is_answer(status) || status.code() != Code::Unavailable {
            return refusal::failure(status, manifests);
        }
        let cause = status.source().map(innermost).unwrap_or_default();
        let Servers { urls, said_by } = &self.servers;
        Failure::failed(format!(
            "cannot reach a controller at {} (from {said_by}): {cause}\n  start weft-controller \
             there, or say where it is: --server URL, WEFT_SERVER, or server: URL in \
             ~/.config/weft/context.yaml",
            urls.join(", ")
        ))
    }
}

/// How long to wait before all are asked again: as long as the last one says.
fn again(status: &Status) -> Duration {
    let said = status.get_details_retry_info();
    said.and_then(|it| it.retry_delay)
        .map_or(PAUSE, |delay| delay.clamp(PAUSE, ELECTION_LIMIT))
}

/// Says when an answer is from a controller's memory, because its store is silent.
fn tell_stale<T>(answer: &Response<T>) {
    let seconds = answer.metadata().get("weft-stale-seconds");
    if let Some(seconds) = seconds.and_then(|it| it.to_str().ok()) {
        console::note(&safe(&format!(
            "etcd has not answered the controller for {seconds} s: this is what it knew before"
        )));
    }
}

/// Whether a controller said it, and not our own end of the connection.
pub fn is_answer(status: &Status) -> bool {
    status.source().is_none()
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// The user and the machine, as far as they are known.
fn author() -> String {
    let said = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
    if let Some(author) = said("WEFT_AUTHOR") {
        return author;
    }
    let user = said("SUDO_USER").or_else(|| said("USER"));
    let user = user.or_else(|| said("LOGNAME"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match (user, host.trim()) {
        (Some(user), "") => user,
        (Some(user), host) => format!("{user}@{host}"),
        (None, host) => host.to_owned(),
    }
}

/// A key that no other request has.
pub fn fresh_key() -> String {
    // Each state is seeded by the operating system.
    let draw = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", draw(), draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_the_same() {
        assert_ne!(fresh_key(), fresh_key());
        assert_eq!(fresh_key().len(), 32);
    }

    #[tokio::test]
    async fn a_controller_that_is_not_there_is_told_with_what_to_do() {
        let servers = Servers {
            // Nothing listens on the discard port of a machine that is not told to.
            urls: vec!["http://127.0.0.1:9".to_owned()],
            said_by: "the default".to_owned(),
        };
        let server = Server::new(servers).unwrap();
        let request = weft_proto::v1::ListNodesRequest {};
        let ask = |channel| async move { nodes(channel).list(request).await };
        let failure = server.call(ask).await.unwrap_err();
        assert_eq!(failure.code(), 1);
        let text = failure.to_string();
        for part in [
            "http://127.0.0.1:9",
            "refused",
            "--server",
            "weft-controller",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
