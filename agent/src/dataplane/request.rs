//! What the handle asks of the data plane's thread.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use weft_model::plan::NodePlan;
use weft_model::report::Fault;
use weft_model::revision::ClusterId;

use super::{Applied, Checked};

/// One question, with where the answer goes.
#[derive(Debug)]
pub(super) enum Request {
    Join {
        cluster: ClusterId,
        answer: oneshot::Sender<()>,
    },
    Check {
        next: Arc<NodePlan>,
        answer: oneshot::Sender<Result<Checked, Vec<Fault>>>,
    },
    Apply {
        next: Arc<NodePlan>,
        answer: oneshot::Sender<Result<Applied, Vec<Fault>>>,
    },
    Collect {
        answer: oneshot::Sender<Result<u32, Vec<Fault>>>,
    },
    Heed {
        respites: PathBuf,
        answer: oneshot::Sender<()>,
    },
    SetTarget {
        target: Option<Arc<NodePlan>>,
        answer: oneshot::Sender<()>,
    },
}
