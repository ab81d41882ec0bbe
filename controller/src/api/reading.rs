//! Streams whose clients must read them.
//!
//! # Guarantees
//! The connection of a client that leaves a stream unread for too long is cut: what is held for it
//! is given back, however many such clients there are. It is told by the end of its
//! connection, and goes on where it was: every stream can be asked for again from what was read
//! last, or begins with all that is known.
//!
//! A stream that has nothing new is not left unread: whether there is room for more is asked now
//! and then all the same. It is asked often, so that little is put together for a client that has
//! none.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use prost::Message;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Status};
use tracing::info;

use super::connection::Switch;

/// How long a client may usually leave a stream unread: long beside any pause of a network that
/// lives, and short enough that nobody holds connections for nothing.
pub const UNREAD: Duration = Duration::from_secs(60);

/// How much is put together before it is asked whether there is room, in bytes. Left to itself the
/// server puts eight times as much together, and holds it for each client that has no room.
const PORTION: usize = 4 << 10;

/// How often it is asked whether there is room, before it is too late.
const ASKED: u32 = 6;

/// A stream whose client's connection is cut when it is left unread.
pub struct Read<S> {
    stream: S,
    ask: Interval,
    asked: Arc<Mutex<Instant>>,
    /// How much was given since it was last asked whether there is room.
    given: usize,
    _guard: Option<AbortOnDropHandle<()>>,
}

impl<S> Read<S> {
    /// The answer to a request, which must be read within `limit`.
    pub fn by<T>(request: &Request<T>, limit: Duration, what: &'static str, stream: S) -> Self {
        let asked = Arc::new(Mutex::new(Instant::now()));
        let switch = request.extensions().get::<Switch>().cloned();
        // Without a switch there is no connection that holds anything.
        let guard = switch.map(|switch| {
            let asked = Arc::clone(&asked);
            AbortOnDropHandle::new(tokio::spawn(guard(switch, asked, limit, what)))
        });
        let every = limit / ASKED;
        let mut ask = tokio::time::interval_at(Instant::now() + every, every);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stream,
            ask,
            asked,
            given: 0,
            _guard: guard,
        }
    }
}

/// Waits until nobody asked for too long, and cuts.
async fn guard(switch: Switch, asked: Arc<Mutex<Instant>>, limit: Duration, what: &'static str) {
    loop {
        let end = *asked.lock().unwrap_or_else(PoisonError::into_inner) + limit;
        if Instant::now() >= end {
            info!(what, "a client does not read what it asked for: cut off");
            switch.cut();
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

impl<S, M> Stream for Read<S>
where
    S: Stream<Item = Result<M, Status>> + Unpin,
    M: Message,
{
    type Item = S::Item;

    /// The server polls while there is room for more on the way to the client. What it gets it puts
    /// together until nothing comes for a moment; then it sends that, and asks for room.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        while self.ask.poll_tick(context).is_ready() {}
        if self.given >= PORTION {
            self.given = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.stream).poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(message))) => self.given += message.encoded_len(),
            Poll::Ready(_) => {}
            Poll::Pending => self.given = 0,
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use tokio::io::{AsyncReadExt, DuplexStream};
    use tonic::transport::server::Connected;
    use weft_proto::v1;

    use super::*;
    use crate::api::connection::Connection;

    fn keys(count: usize) -> impl Stream<Item = Result<v1::ObjectKey, Status>> + Unpin {
        let key = |number: usize| {
            Ok(v1::ObjectKey {
                name: format!("{number:0100}"),
                ..v1::ObjectKey::default()
            })
        };
        futures::stream::iter((0..count).map(key))
    }

    fn asked() -> (Connection<DuplexStream>, Request<()>) {
        let (ours, theirs) = tokio::io::duplex(8);
        // It is our side of the connection that is cut; the other is not looked at.
        std::mem::forget(theirs);
        let connection = Connection::new(ours);
        let mut request = Request::new(());
        request.extensions_mut().insert(connection.connect_info());
        (connection, request)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_left_unread_costs_its_client_the_connection() {
        let (mut connection, request) = asked();
        let mut read = Read::by(&request, UNREAD, "keys", keys(9));
        assert!(read.next().await.is_some_and(|key| key.is_ok()));
        let begin = Instant::now();
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
        assert!(begin.elapsed() >= UNREAD && begin.elapsed() < 2 * UNREAD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_read_may_be_silent_for_as_long_as_it_likes() {
        let (mut connection, request) = asked();
        let nothing = futures::stream::pending::<Result<v1::ObjectKey, Status>>();
        let mut read = Read::by(&request, UNREAD, "nothing", nothing);
        let reading = tokio::spawn(async move { read.next().await });
        let cut = tokio::time::timeout(100 * UNREAD, connection.read_u8()).await;
        assert!(cut.is_err());
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_given_up_cuts_nothing() {
        let (mut connection, request) = asked();
        drop(Read::by(&request, UNREAD, "keys", keys(9)));
        let cut = tokio::time::timeout(10 * UNREAD, connection.read_u8()).await;
        assert!(cut.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn little_is_put_together_before_it_is_asked_whether_there_is_room() {
        let (_connection, request) = asked();
        let mut read = Read::by(&request, UNREAD, "keys", keys(1_000));
        let mut given = 0;
        while futures::poll!(read.next()).is_ready() {
            given += 1;
        }
        assert!(
            (PORTION / 200..=PORTION / 100 + 1).contains(&given),
            "{given}"
        );
        assert_eq!(read.count().await, 1_000 - given);
    }
}
