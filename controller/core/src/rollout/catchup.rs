//! Bringing single nodes to the head, outside any rollout.
