//! Work of this very process inside a namespace.

use std::fs::File;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};

use crate::namespace::Namespace;

impl Namespace {
    /// Moves this thread inside, and all that it starts from here on.
    ///
    /// # Errors
    /// When the namespace is gone.
    pub(crate) fn enter(&self) -> Result<()> {
        let path = format!("/run/netns/{}", self.name());
        let file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
        setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter {path}"))
    }

    /// Runs `work` on a thread inside, with a runtime whose threads are inside too. A panic there is
    /// one here.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or no runtime can be had.
    pub fn inside<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                Ok(runtime.block_on(work()))
            });
            match thread.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
