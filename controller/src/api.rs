//! The gRPC services: convert, call, convert. No rule lives here.

pub mod answer;
pub mod identity;
pub mod patience;

pub mod desk;

pub mod connection;
pub mod reading;

mod difference;
mod watch;

pub mod nodes;
pub mod objects;
pub mod revisions;
pub mod rollouts;

pub mod cluster;

pub mod server;

use futures::{Stream, StreamExt};
use tonic::Status;

/// A stream that ends after its first error.
fn until_error<T>(
    stream: impl Stream<Item = Result<T, Status>>,
) -> impl Stream<Item = Result<T, Status>> {
    stream.scan(false, |ended, item| {
        let last = std::mem::replace(ended, item.is_err());
        std::future::ready((!last).then_some(item))
    })
}

/// How many of something a client wants: zero is as many as usual.
fn limit(wanted: u32, usual: usize, most: usize) -> usize {
    match usize::try_from(wanted).unwrap_or(most) {
        0 => usual,
        wanted => wanted.min(most),
    }
}
