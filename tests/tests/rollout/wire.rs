//! Byte streams over the simulated network, as tonic takes them: whatever a process that crashed
//! would still say is not said.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::{Channel, Endpoint, Uri};
use turmoil::net::{TcpListener, TcpStream};

use super::world::{Who, World};

/// Where controllers listen.
pub const PORT: u16 = 7443;

pub struct Wire {
    inner: TcpStream,
    end: Option<(Arc<World>, Who)>,
}

impl Wire {
    fn is_dead(&self, name: Option<&str>) -> bool {
        match (&self.end, name) {
            (Some((world, who)), Some(name)) => world.hit(*who, name),
            (Some((world, who)), None) => world.has_fallen(*who),
            (None, _) => false,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_dead(None) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Frames of hyper's own (settings, pings, acknowledgements) are short: nothing follows
        // from them.
        let name = (bytes.len() > SHORT).then_some("send");
        if self.is_dead(name) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dead(None) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// No message of ours is shorter with its frame.
const SHORT: usize = 40;

/// Opens a channel over the simulated network.
pub async fn connect(
    endpoint: Endpoint,
    end: Option<(Arc<World>, Who)>,
) -> Result<Channel, tonic::transport::Error> {
    let connector = tower::service_fn(move |uri: Uri| {
        let end = end.clone();
        async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let inner = TcpStream::connect((host, PORT)).await?;
            Ok::<_, io::Error>(TokioIo::new(Wire { inner, end }))
        }
    });
    endpoint.connect_with_connector(connector).await
}

/// Whoever connects to this host.
pub async fn listen(
    world: Arc<World>,
    who: Who,
) -> io::Result<impl Stream<Item = io::Result<Wire>>> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    Ok(futures::stream::unfold(
        (listener, world),
        move |(listener, world)| async move {
            let (inner, _) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => return Some((Err(error), (listener, world))),
            };
            let end = Some((Arc::clone(&world), who));
            Some((Ok(Wire { inner, end }), (listener, world)))
        },
    ))
}
