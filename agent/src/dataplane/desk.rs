//! What is asked of the data plane, in order, and what of it cannot wait.

use std::collections::VecDeque;
use std::pin::pin;

use tokio::sync::mpsc::{self, error::TryRecvError};

use super::request::Request;

/// The requests that came and were not served yet.
#[derive(Debug)]
pub(super) struct Desk {
    requests: mpsc::Receiver<Request>,
    waiting: VecDeque<Request>,
}

/// Nobody has a handle any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl Desk {
    pub(super) fn new(requests: mpsc::Receiver<Request>) -> Self {
        Self {
            requests,
            waiting: VecDeque::new(),
        }
    }

    /// Waits for the next request. Cancel-safe: none is taken that is not returned.
    pub(super) async fn next(&mut self) -> Result<Request, Closed> {
        match self.waiting.pop_front() {
            Some(request) => Ok(request),
            None => self.requests.recv().await.ok_or(Closed),
        }
    }

    /// The next request, if there is one.
    pub(super) fn try_next(&mut self) -> Result<Option<Request>, Closed> {
        if let Some(request) = self.waiting.pop_front() {
            return Ok(Some(request));
        }
        match self.requests.try_recv() {
            Ok(request) => Ok(Some(request)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Closed),
        }
    }

    /// Does some work of the data plane's own, which is dropped as soon as a plan is to be made
    /// true: it may be the way back. Says whether the work was done.
    pub(super) async fn unless_urgent(&mut self, work: impl Future<Output = ()>) -> bool {
        let mut work = pin!(work);
        loop {
            // A request that was received is kept; the work goes on where it was.
            let request = tokio::select! {
                biased;
                request = self.requests.recv() => request,
                () = &mut work => return true,
            };
            let Some(request) = request else {
                return false;
            };
            let is_urgent = matches!(request, Request::Apply { .. });
            self.waiting.push_back(request);
            if is_urgent {
                return false;
            }
        }
    }
}
