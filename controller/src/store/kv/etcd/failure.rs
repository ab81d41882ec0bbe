//! What etcd's errors mean.

use std::time::Duration;

use tokio::time::timeout;
use tonic::Code;

use super::super::KvError;
use crate::store::error::Source;

/// How long to wait for an answer. An election of etcd's takes about two seconds.
pub const ANSWER: Duration = Duration::from_secs(5);

/// The answer of a call, if it comes in time.
pub(super) async fn answered<T>(
    call: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, KvError> {
    match timeout(ANSWER, call).await {
        Ok(answer) => answer.map_err(from_etcd),
        Err(elapsed) => Err(KvError::Unavailable(elapsed.into())),
    }
}

/// The one place where etcd's errors get their meaning.
pub(super) fn from_etcd(error: etcd_client::Error) -> KvError {
    use etcd_client::Error;
    match error {
        Error::GRpcStatus(status) => {
            let (code, message) = (status.code(), status.message().to_owned());
            from_status(code, &message, status.into())
        }
        Error::InvalidArgs(_)
        | Error::InvalidUri(_)
        | Error::InvalidMetadataValue(_)
        | Error::EndpointError(_)
        | Error::EndpointsNotManaged => KvError::Options(error.into()),
        // The answer to a keep-alive of a lease that is gone.
        Error::LeaseKeepAliveError(_) => KvError::LeaseLost,
        Error::IoError(_)
        | Error::TransportError(_)
        | Error::WatchError(_)
        | Error::ElectError(_)
        | Error::Utf8Error(_)
        | Error::Internal(_) => KvError::Unavailable(error.into()),
    }
}

fn from_status(code: Code, message: &str, source: Source) -> KvError {
    let says = |words: &str| message.contains(words);
    match code {
        Code::OutOfRange if says("compacted") || says("future revision") => KvError::Compacted,
        Code::OutOfRange if says("larger than") => KvError::TooLarge,
        Code::ResourceExhausted if says("space exceeded") => KvError::NoSpace(source),
        Code::ResourceExhausted if says("larger than") => KvError::TooLarge,
        Code::InvalidArgument if says("too large") || says("too many operations") => {
            KvError::TooLarge
        }
        Code::InvalidArgument if says("authentication failed") || says("user name is empty") => {
            KvError::Denied(source)
        }
        Code::PermissionDenied | Code::Unauthenticated => KvError::Denied(source),
        Code::NotFound if says("lease not found") => KvError::LeaseLost,
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Aborted
        | Code::Unknown
        | Code::Internal
        | Code::ResourceExhausted => KvError::Unavailable(source),
        _ => KvError::Refused(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_etcd_has_its_meaning() {
        let meaning = |code, text: &str| match from_status(code, text, text.into()) {
            KvError::Unavailable(_) => "unavailable",
            KvError::NoSpace(_) => "no space",
            KvError::Compacted => "compacted",
            KvError::Denied(_) => "denied",
            KvError::LeaseLost => "lease lost",
            KvError::TooLarge => "too large",
            KvError::Options(_) => "options",
            KvError::Refused(_) => "refused",
        };
        let seen = [
            meaning(
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
            ),
            meaning(
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
            ),
            meaning(
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
            ),
            meaning(Code::ResourceExhausted, "etcdserver: too many requests"),
            meaning(Code::InvalidArgument, "etcdserver: request is too large"),
            meaning(
                Code::InvalidArgument,
                "etcdserver: too many operations in txn request",
            ),
            meaning(
                Code::InvalidArgument,
                "etcdserver: authentication failed, invalid user ID or password",
            ),
            meaning(Code::PermissionDenied, "etcdserver: permission denied"),
            meaning(Code::NotFound, "etcdserver: requested lease not found"),
            meaning(Code::Unavailable, "etcdserver: no leader"),
            meaning(
                Code::InvalidArgument,
                "etcdserver: duplicate key given in txn request",
            ),
        ];
        let expected = [
            "compacted",
            "compacted",
            "no space",
            "unavailable",
            "too large",
            "too large",
            "denied",
            "denied",
            "lease lost",
            "unavailable",
            "refused",
        ];
        assert_eq!(seen, expected);
    }
}
