//! What every store does, a file a room.

#[path = "suite/batch.rs"]
pub mod batch;
#[path = "suite/draft.rs"]
pub mod draft;
#[path = "suite/kv.rs"]
pub mod kv;
#[path = "suite/leader.rs"]
pub mod leader;
#[path = "suite/mirror.rs"]
pub mod mirror;
#[path = "suite/nodes.rs"]
pub mod nodes;
#[path = "suite/revision.rs"]
pub mod revision;
#[path = "suite/rollout.rs"]
pub mod rollout;
