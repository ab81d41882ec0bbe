//! A client's connection, and the switch that cuts it.
//!
//! # Guarantees
//! Once its switch was thrown a connection is over for both sides, however little the other side
//! reads: every stream on it ends, and what they hold is given back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Cuts one connection; clones cut the same.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<Wire>);

#[derive(Debug, Default)]
struct Wire {
    is_cut: AtomicBool,
    reader: AtomicWaker,
}

impl Switch {
    /// Ends the connection.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::Acquire)
    }
}

/// A connection that can be cut. Requests that come by it have its [`Switch`] among their
/// extensions.
#[derive(Debug)]
pub struct Connection<IO> {
    io: IO,
    switch: Switch,
}

impl<IO> Connection<IO> {
    /// A connection with a switch of its own.
    pub fn new(io: IO) -> Self {
        Self {
            io,
            switch: Switch::default(),
        }
    }
}

impl<IO> Connected for Connection<IO> {
    type ConnectInfo = Switch;

    fn connect_info(&self) -> Switch {
        self.switch.clone()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever serves a connection always waits for what comes by it.
        self.switch.0.reader.register(context.waker());
        if self.switch.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.switch.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.switch.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "its client does not read what it asked for",
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_connection_that_is_cut_is_over_for_whoever_waits_for_it() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut connection = Connection::new(ours);
        let switch = connection.connect_info();
        theirs.write_all(b"word").await.unwrap();
        let mut word = [0; 4];
        connection.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"word");
        let waiting = tokio::spawn(async move {
            let read = connection.read_u8().await.map_err(|error| error.kind());
            let written = connection.write_all(b"more").await;
            (read, written.map_err(|error| error.kind()))
        });
        tokio::task::yield_now().await;
        switch.cut();
        let aborted = io::ErrorKind::ConnectionAborted;
        assert_eq!(waiting.await.unwrap(), (Err(aborted), Err(aborted)));
        assert_eq!(theirs.read(&mut word).await.unwrap(), 0);
    }
}
