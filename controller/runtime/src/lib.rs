//! The loop kit: watch, store, queue, runner.
