//! The way between a controller and the store: requests take their time, get lost, and are cut off
//! with the controller.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use weft_controller::store::keys;
use weft_controller::store::kv::KvError;
use weft_controller::store::kv::entry::{Op, Txn};
use weft_controller::store::kv::far::{Request, Way};

use super::laws;
use super::world::{Who, World};

/// How long a controller waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way of the one who only looks: none.
pub struct Straight;

impl Way for Straight {
    fn there<'a>(&'a self, _: Request<'a>) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn back<'a>(&'a self, _: Request<'a>) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn draw(&self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

/// The way of a controller.
pub struct Road {
    pub world: Arc<World>,
    pub number: usize,
}

impl Road {
    fn who(&self) -> Who {
        Who::Controller(self.number)
    }

    /// Counts an effect; returns only if the controller is still there.
    async fn pass(&self, txn: &Txn, when: &str) {
        let name = format!("{}.{when}", deed(txn));
        if self.world.hit(self.who(), &name) {
            std::future::pending().await
        }
    }

    /// A leg of the way: some milliseconds, or an error.
    async fn travel(&self, may_lose: bool) -> Result<(), KvError> {
        let (wait, lost) = {
            let now = self.world.now();
            let mut state = self.world.lock();
            let wait = state.chance.within(0, 3);
            let stormy = state.stormy && !state.quiet;
            let lost = may_lose && stormy && state.chance.hits(100);
            let control = &mut state.controls[self.number];
            let lost = lost || control.cut_until > now;
            if lost {
                control.troubled = now;
            }
            (Duration::from_millis(wait), lost)
        };
        if lost {
            tokio::time::sleep(PATIENCE).await;
            return Err(KvError::Unavailable("the simulation lost it".into()));
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

impl Way for Road {
    fn there<'a>(&'a self, request: Request<'a>) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(async move {
            if let Request::Write(txn) = request {
                self.pass(txn, "before").await;
            }
            self.travel(matches!(request, Request::Write(_))).await?;
            if self.world.has_fallen(self.who()) {
                std::future::pending::<()>().await;
            }
            if let Request::Write(txn) = request {
                laws::written(&self.world, txn);
            }
            Ok(())
        })
    }

    fn back<'a>(&'a self, request: Request<'a>) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(async move {
            if let Request::Write(txn) = request {
                self.world
                    .note(|| format!("{} {}", self.who().name(), deed(txn)));
                laws::landed(&self.world, txn);
                self.pass(txn, "after").await;
            }
            self.travel(matches!(request, Request::Write(_))).await
        })
    }

    fn draw(&self, bytes: &mut [u8]) {
        let mut state = self.world.lock();
        for byte in bytes {
            *byte = state.chance.next() as u8;
        }
    }
}

/// What a transaction does, in the words of the protocol.
pub fn deed(txn: &Txn) -> &'static str {
    let has = |wanted: &dyn Fn(&Op) -> bool| txn.then.iter().any(wanted);
    let puts = |wanted: &str| has(&|op| matches!(op, Op::Put { key, .. } if key == wanted));
    let under =
        |prefix: &str| has(&|op| matches!(op, Op::Put { key, .. } if key.starts_with(prefix)));
    let deletes =
        |prefix: &str| has(&|op| matches!(op, Op::Delete(key) if key.starts_with(prefix)));
    if puts(keys::HEAD) {
        "commit"
    } else if under(keys::DECISION) {
        "abort"
    } else if deletes(keys::ACTIVE) {
        "close"
    } else if puts(keys::ACTIVE) {
        "create"
    } else if under(keys::ROLLOUT) {
        "applying"
    } else if under(keys::REVISION) {
        "revision.manifest"
    } else if under(keys::BUCKET) {
        "revision.chunk"
    } else if under(keys::DRAFT) {
        "draft"
    } else if under(keys::LEADER) {
        "leader"
    } else if under(keys::NODE) {
        "nodes"
    } else if under(keys::FACTS) {
        "facts"
    } else if under(keys::AUDIT) {
        "settle"
    } else if deletes("") {
        "gc"
    } else {
        "other"
    }
}
