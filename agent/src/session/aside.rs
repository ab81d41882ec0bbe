//! Work that takes long, done where it keeps no keep-alive waiting.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinError;

/// Does the work beside the tasks of this runtime.
///
/// Where the runtime has one thread it is done right here: there, what happens in which order must
/// not depend on another thread.
///
/// # Errors
/// When the work breaks.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Ok(work()),
        _ => tokio::task::spawn_blocking(work).await,
    }
}
