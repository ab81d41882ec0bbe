//! How long a request waits for a store that does not answer: less than people do.
//!
//! # Guarantees
//! While the store is silent, every request is answered within two seconds: from memory, marked as
//! stale, where memory has the answer; else as unavailable, with when to try again. A request that
//! was begun is not broken off: it goes on alone, so that what it wrote is whole, and the same
//! request with the same idempotency key finds its result.
//!
//! # Never
//! A request that is only long is not cut short.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tonic::server::NamedService;

use super::answer;
use crate::store::kv::pulse::Pulse;

/// How long a request waits at least, and the store must have been silent.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How often to look: what is left of two seconds has room for several.
const LOOK: Duration = Duration::from_millis(100);

/// A leader asks the store something this often, so that what is older may be stale.
const FRESH: Duration = Duration::from_secs(3);

/// The header that says for how many seconds the store has not answered.
pub const STALE: &str = "weft-stale-seconds";

/// A service whose requests wait for a silent store no longer than people do.
#[derive(Clone)]
pub struct Patient<S> {
    service: S,
    pulse: Arc<Pulse>,
}

impl<S> Patient<S> {
    /// The service, with the store that its requests wait for.
    pub fn new(service: S, pulse: Arc<Pulse>) -> Self {
        Self { service, pulse }
    }
}

impl<S: NamedService> NamedService for Patient<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Patient<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let work = self.service.call(request).boxed();
        attend(work, Arc::clone(&self.pulse)).boxed()
    }
}

async fn attend<E: Send + 'static>(
    mut work: BoxFuture<'static, Result<Response<Body>, E>>,
    pulse: Arc<Pulse>,
) -> Result<Response<Body>, E> {
    let begun = Instant::now();
    loop {
        // Cancel-safe: the work is kept, and goes on in the next round.
        let done = tokio::select! {
            done = &mut work => Some(done),
            () = tokio::time::sleep(LOOK) => None,
        };
        let silence = pulse.silent_for();
        if let Some(done) = done {
            return done.map(|response| mark(response, silence));
        }
        if begun.elapsed() >= PATIENCE && silence >= PATIENCE {
            tokio::spawn(work);
            return Ok(answer::silent(silence).into_http());
        }
    }
}

/// Says on an answer how old it may be.
fn mark(mut response: Response<Body>, silence: Duration) -> Response<Body> {
    if silence >= FRESH {
        let seconds = HeaderValue::from(silence.as_secs());
        response.headers_mut().insert(STALE, seconds);
    }
    response
}
