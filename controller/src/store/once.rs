//! Same key, same result: what a repeated call is answered with.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::kv::entry::{Compare, Entry, Op};
use super::record;
use super::write::Idempotency;

/// How long results are remembered: longer than any client goes on trying.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// A result to be remembered, together with the change that it is the result of.
pub(super) struct Remembering {
    /// Holds unless the key was used.
    pub compare: Compare,
    /// Remembers.
    pub op: Op,
}

impl Store {
    /// The result of an earlier call with the same key, and the entry that remembers it.
    pub(super) async fn remembered<T: DeserializeOwned>(
        &self,
        attempt: &'static str,
        key: Option<&Idempotency>,
    ) -> Result<Option<(T, Entry)>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let Some(entry) = self.entry(attempt, &keys::once(&key.0)).await? else {
            return Ok(None);
        };
        Ok(Some((record::read(attempt, &entry)?, entry)))
    }

    /// What a write must carry so that its result is remembered.
    pub(super) async fn remembering<T: Serialize>(
        &self,
        attempt: &'static str,
        key: Option<&Idempotency>,
        result: &T,
    ) -> Result<Option<Remembering>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let key = keys::once(&key.0);
        let value: Bytes = record::write(attempt, result)?;
        let lease = self.kv().grant(REMEMBERED).await;
        let lease = Some(lease.map_err(|error| error.during(attempt))?);
        Ok(Some(Remembering {
            compare: Compare::Absent(key.clone()),
            op: Op::Put { key, value, lease },
        }))
    }
}
