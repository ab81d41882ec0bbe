//! One controller, and a connection to it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tonic::transport::{Channel, Endpoint, Uri};
use weft_proto::v1::agents_client::AgentsClient;

/// The port that controllers listen on when nobody says otherwise.
const PORT: u16 = 7443;

/// Long enough for a slow handshake, short enough to have tried three controllers within ten
/// seconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How often a silent connection is asked whether it is still there, and how long it may take to
/// say so. A connection that a firewall forgot is given up well before a lease of 30 s ends.
const PING_EVERY: Duration = Duration::from_secs(5);
const PONG_LIMIT: Duration = Duration::from_secs(5);

/// The plan of a node with ten thousand vnets is some megabytes; a controller that sends more than
/// this is not believed.
const LARGEST_MESSAGE: usize = 64 << 20;

/// Where a controller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    uri: Uri,
}

/// How a channel to a controller is opened: over TCP, where nobody says otherwise.
#[derive(Clone)]
pub struct Road(Arc<dyn Fn(Endpoint) -> Opening + Send + Sync>);

type Opening = BoxFuture<'static, Result<Channel, tonic::transport::Error>>;

impl Road {
    /// Opens channels like this.
    pub fn new(open: impl Fn(Endpoint) -> Opening + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }
}

impl Default for Road {
    fn default() -> Self {
        Self::new(|endpoint| Box::pin(async move { endpoint.connect().await }))
    }
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Road")
    }
}

/// A text that is not the address of a controller.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// It is no URL.
    #[error("write it as http://HOST:PORT")]
    Malformed(#[source] tonic::codegen::http::Error),
    /// It is a URL of something else.
    #[error("write it as http://HOST:PORT, with nothing after the port")]
    NotPlain,
    /// It asks for what is not there yet.
    #[error("encrypted connections are not supported yet: write it as http://HOST:PORT")]
    Encrypted,
}

/// A controller could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to the controller at {controller}")]
pub struct ConnectError {
    controller: Controller,
    source: tonic::transport::Error,
}

impl Controller {
    /// Whether the controller is on this machine by its address alone; names are believed only
    /// where they cannot mean anything else.
    pub fn is_local(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// When there is nobody, or nobody in time.
    pub async fn connect(&self, road: &Road) -> Result<AgentsClient<Channel>, ConnectError> {
        let endpoint = Endpoint::from(self.uri.clone())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_LIMIT)
            .keep_alive_while_idle(true);
        let channel = (road.0)(endpoint).await.map_err(|source| ConnectError {
            controller: self.clone(),
            source,
        })?;
        Ok(AgentsClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE))
    }
}

impl FromStr for Controller {
    type Err = ControllerError;

    fn from_str(url: &str) -> Result<Self, ControllerError> {
        let uri: Uri = url
            .parse()
            .map_err(|source: tonic::codegen::http::uri::InvalidUri| {
                ControllerError::Malformed(source.into())
            })?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(ControllerError::Encrypted),
            Some(_) | None => return Err(ControllerError::NotPlain),
        }
        let has_path = uri
            .path_and_query()
            .is_some_and(|rest| rest.as_str() != "/");
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if has_path || authority.contains('@') {
            return Err(ControllerError::NotPlain);
        }
        let uri = if uri.port().is_some() {
            uri
        } else {
            format!("http://{authority}:{PORT}").parse().map_err(
                |source: tonic::codegen::http::uri::InvalidUri| {
                    ControllerError::Malformed(source.into())
                },
            )?
        };
        Ok(Self { uri })
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri.to_string().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_left_out_is_the_usual_one() {
        for (url, full) in [
            ("http://node1", "http://node1:7443"),
            ("http://node1/", "http://node1:7443"),
            ("http://[fd00::1]", "http://[fd00::1]:7443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ] {
            assert_eq!(url.parse::<Controller>().unwrap().to_string(), full);
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for url in [
            "127.0.0.1:7443",
            "https://127.0.0.1:7443",
            "http://127.0.0.1:7443/path",
            "http://user@127.0.0.1:7443",
            "ftp://127.0.0.1",
            "http://",
            "",
        ] {
            assert!(url.parse::<Controller>().is_err(), "{url:?}");
        }
    }
}
