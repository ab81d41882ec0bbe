//! Keys, values and their history in etcd.
//!
//! # Guarantees
//! No call waits longer than [`ANSWER`]. A member that does not answer is passed over. A watch that etcd canceled ends with an error: etcd itself
//! would leave the stream open and silent.

use std::sync::Arc;
use std::time::Duration;

use super::KvError;
use super::entry::{
    Compare, Entry, Event, Lease, Message, Op, Order, Page, Range, Txn, TxnReply, Want,
};
use bytes::Bytes;
use etcd_client::{
    Compare as EtcdCompare, CompareOp, ConnectOptions, EventType, GetOptions, KeyValue, PutOptions,
    SortOrder, SortTarget, Txn as EtcdTxn, TxnOp, TxnOpResponse, WatchOptions, WatchStream,
};

mod failure;
mod members;

use failure::{ANSWER, from_etcd};
use members::{Member, Members};

/// etcd takes pings more often than every five seconds for an attack and closes the connection.
const PING: Duration = Duration::from_secs(10);
const PING_ANSWER: Duration = Duration::from_secs(3);

/// Keys and values in etcd; clones share the connections.
#[derive(Clone)]
pub struct EtcdKv {
    members: Arc<Members>,
    prefix: String,
}

/// A running watch.
pub struct EtcdWatch {
    stream: WatchStream,
    members: Arc<Members>,
    /// The member that it runs at.
    place: usize,
    prefix: usize,
}

impl EtcdKv {
    /// Connects to the endpoints; all keys start with the prefix.
    ///
    /// # Errors
    /// When the options make no sense, or etcd does not answer.
    pub async fn connect(
        endpoints: &[String],
        options: ConnectOptions,
        prefix: &str,
    ) -> Result<Self, KvError> {
        let options = options
            .with_keep_alive(PING, PING_ANSWER)
            .with_keep_alive_while_idle(true)
            .with_connect_timeout(ANSWER)
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        let etcd = Self {
            members: Arc::new(Members::new(endpoints, options)?),
            prefix: prefix.to_owned(),
        };
        match etcd.warnings().await {
            Ok(warnings) => {
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            // It is reached, and what this user may do shows with the first real call.
            Err(KvError::Denied(_) | KvError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(etcd)
    }

    /// What a person should know of this etcd, a sentence each.
    pub(super) async fn warnings(&self) -> Result<Vec<String>, KvError> {
        let status = |member: Member| async move { member.maintenance().status().await };
        let status = self.members.ask(status).await?;
        Ok(warnings(status.version(), status.errors()))
    }

    fn key(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }

    pub(super) async fn range(&self, range: Range) -> Result<Page, KvError> {
        let (start, end) = match &range.after {
            // The first key after another one is that one and a zero byte.
            Some(after) => (
                [self.key(after).as_slice(), &[0]].concat(),
                end_of(self.key(&range.prefix)),
            ),
            None => (self.key(&range.prefix), end_of(self.key(&range.prefix))),
        };
        let mut options = GetOptions::new()
            .with_range(end)
            .with_limit(signed(range.limit as u64))
            .with_revision(signed(range.revision.unwrap_or(0)));
        if range.order == Order::Descending {
            options = options.with_sort(SortTarget::Key, SortOrder::Descend);
        }
        if range.want == Want::Keys {
            options = options.with_keys_only();
        }
        let get = |member: Member| {
            let (start, options) = (start.clone(), options.clone());
            async move { member.kv().get(start, Some(options)).await }
        };
        let mut answer = self.members.ask(get).await?;
        let revision = answer
            .header()
            .map_or(0, |header| unsigned(header.revision()));
        Ok(Page {
            more: answer.more(),
            entries: answer
                .take_kvs()
                .into_iter()
                .map(|kv| entry(kv, self.prefix.len()))
                .collect(),
            revision: range.revision.unwrap_or(revision),
        })
    }

    pub(super) async fn count(&self, prefix: &str) -> Result<u64, KvError> {
        let options = GetOptions::new().with_prefix().with_count_only();
        let key = self.key(prefix);
        let get = |member: Member| {
            let (key, options) = (key.clone(), options.clone());
            async move { member.kv().get(key, Some(options)).await }
        };
        let answer = self.members.ask(get).await?;
        Ok(unsigned(answer.count()))
    }

    pub(super) async fn txn(&self, txn: Txn) -> Result<TxnReply, KvError> {
        let writes = [&txn.then, &txn.otherwise].into_iter().flatten();
        let writes = writes.into_iter().any(|op| !matches!(op, Op::Get(_)));
        let when: Vec<EtcdCompare> = txn.when.iter().map(|c| self.compare(c)).collect();
        let ops = |ops: Vec<Op>| -> Vec<TxnOp> { ops.into_iter().map(|op| self.op(op)).collect() };
        let request = EtcdTxn::new()
            .when(when)
            .and_then(ops(txn.then))
            .or_else(ops(txn.otherwise));
        let carry_out = |member: Member| {
            let request = request.clone();
            async move { member.kv().txn(request).await }
        };
        let answer = if writes {
            self.members.tell(carry_out).await?
        } else {
            self.members.ask(carry_out).await?
        };
        let found = |response| match response {
            TxnOpResponse::Get(mut get) => Some(get.take_kvs().pop()),
            TxnOpResponse::Put(_) | TxnOpResponse::Delete(_) | TxnOpResponse::Txn(_) => None,
        };
        Ok(TxnReply {
            succeeded: answer.succeeded(),
            revision: answer
                .header()
                .map_or(0, |header| unsigned(header.revision())),
            found: answer
                .op_responses()
                .into_iter()
                .filter_map(found)
                .map(|kv| kv.map(|kv| entry(kv, self.prefix.len())))
                .collect(),
        })
    }

    fn compare(&self, compare: &Compare) -> EtcdCompare {
        let key = self.key(compare.key());
        match compare {
            Compare::Absent(_) => EtcdCompare::create_revision(key, CompareOp::Equal, 0),
            Compare::Created(_, at) => {
                EtcdCompare::create_revision(key, CompareOp::Equal, signed(*at))
            }
            Compare::Modified(_, at) => {
                EtcdCompare::mod_revision(key, CompareOp::Equal, signed(*at))
            }
        }
    }

    fn op(&self, op: Op) -> TxnOp {
        match op {
            Op::Put { key, value, lease } => {
                let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
                TxnOp::put(self.key(&key), value, options)
            }
            Op::Delete(key) => TxnOp::delete(self.key(&key), None),
            Op::Get(key) => TxnOp::get(self.key(&key), None),
        }
    }

    pub(super) async fn watch(&self, prefix: &str, from: u64) -> Result<EtcdWatch, KvError> {
        let options = WatchOptions::new()
            .with_prefix()
            .with_start_revision(signed(from))
            .with_progress_notify();
        let key = self.key(prefix);
        let open = |member: Member| {
            let (key, options) = (key.clone(), options.clone());
            async move {
                let stream = member.watch().watch(key, Some(options)).await?;
                Ok((member.place(), stream))
            }
        };
        let (place, stream) = self.members.ask(open).await?;
        Ok(EtcdWatch {
            stream,
            members: Arc::clone(&self.members),
            place,
            prefix: self.prefix.len(),
        })
    }

    pub(super) async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        let seconds = signed(ttl.as_secs().max(1));
        // One that nobody hears of runs out.
        let grant = |member: Member| async move { member.lease().grant(seconds, None).await };
        Ok(Lease(self.members.ask(grant).await?.id()))
    }

    pub(super) async fn keep_alive(&self, lease: Lease) -> Result<(), KvError> {
        // Opening the stream is the first renewal, and one at a time is all that is needed.
        let renew = |member: Member| async move { member.lease().keep_alive(lease.0).await };
        self.members.ask(renew).await.map(drop)
    }

    pub(super) async fn remaining(&self, lease: Lease) -> Result<Duration, KvError> {
        let look = |member: Member| async move { member.lease().time_to_live(lease.0, None).await };
        let answer = self.members.ask(look).await?;
        // A lease that is gone has a negative time.
        let seconds = u64::try_from(answer.ttl()).map_err(|_| KvError::LeaseLost)?;
        Ok(Duration::from_secs(seconds))
    }

    pub(super) async fn revoke(&self, lease: Lease) -> Result<(), KvError> {
        let revoke = |member: Member| async move { member.lease().revoke(lease.0).await };
        self.members.ask(revoke).await.map(drop)
    }

    pub(super) async fn compact(&self, revision: u64) -> Result<(), KvError> {
        let revision = signed(revision);
        let compact = |member: Member| async move { member.kv().compact(revision, None).await };
        self.members.tell(compact).await.map(drop)
    }
}

impl EtcdWatch {
    pub(super) async fn next(&mut self) -> Result<Message, KvError> {
        loop {
            // Both arms are cancel-safe: a message is taken whole or not, and the other arm
            // waits.
            let message = tokio::select! {
                message = self.stream.message() => message.map_err(from_etcd)?,
                () = self.members.gone(self.place) => {
                    let reason = "the watch's member of etcd does not answer any more";
                    return Err(KvError::Unavailable(reason.into()));
                }
            };
            let Some(message) = message else {
                return Err(KvError::Unavailable("the watch's stream ended".into()));
            };
            if message.compact_revision() > 0 {
                return Err(KvError::Compacted);
            }
            if message.canceled() {
                let reason = message.cancel_reason().to_owned();
                return Err(KvError::Unavailable(reason.into()));
            }
            if message.created() {
                continue;
            }
            let revision = message
                .header()
                .map_or(0, |header| unsigned(header.revision()));
            let events = message.events().iter();
            let events = events.filter_map(|event| self.event(event)).collect();
            return Ok(Message { revision, events });
        }
    }

    fn event(&self, event: &etcd_client::Event) -> Option<Event> {
        let kv = event.kv()?;
        Some(match event.event_type() {
            EventType::Put => Event::Put(entry(kv.clone(), self.prefix)),
            EventType::Delete => Event::Delete {
                key: text(&kv.key()[self.prefix.min(kv.key().len())..]),
                modified: unsigned(kv.mod_revision()),
            },
        })
    }
}

fn entry(kv: KeyValue, prefix: usize) -> Entry {
    let (created, modified) = (kv.create_revision(), kv.mod_revision());
    let version = kv.version();
    let (key, value) = kv.into_key_value();
    Entry {
        key: text(&key[prefix.min(key.len())..]),
        value: Bytes::from(value),
        created: unsigned(created),
        modified: unsigned(modified),
        version: unsigned(version),
    }
}

/// Keys are ours, hence text; a foreign one under our prefix becomes one that is in no key's form.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// The first key that does not start with the prefix.
fn end_of(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return prefix;
        }
    }
    vec![0]
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn warnings(version: &str, alarms: &[String]) -> Vec<String> {
    let old = is_old(version).then(|| {
        format!(
            "etcd {version} has known errors in its watches: good for trials, use 3.5.18, 3.6.14 \
             or newer in earnest"
        )
    });
    let alarm = |alarm: &String| match alarm {
        full if full.contains("NOSPACE") => {
            "etcd has no space left (NOSPACE) and takes no changes: make room with etcdctl defrag, \
             or raise its --quota-backend-bytes, then end the alarm with etcdctl alarm disarm"
                .to_owned()
        }
        other => format!("etcd raises an alarm: {other}"),
    };
    old.into_iter().chain(alarms.iter().map(alarm)).collect()
}

/// The first versions without the known losses of watch events are 3.5.18 and 3.6.14.
fn is_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse::<u32>().ok())
    });
    let mut next = || numbers.next().flatten().unwrap_or(0);
    match (next(), next(), next()) {
        (3, 5, patch) => patch < 18,
        (3, 6, patch) => patch < 14,
        (major, minor, _) => (major, minor) < (3, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_lost_watch_events_are_old() {
        for version in ["3.4.23", "3.5.17", "3.6.0", "3.6.13", "2.3.8", ""] {
            assert!(is_old(version), "{version}");
        }
        for version in ["3.5.18", "3.5.30", "3.6.14", "3.7.0", "4.0.0-rc.1"] {
            assert!(!is_old(version), "{version}");
        }
    }

    #[test]
    fn an_old_version_and_every_alarm_is_a_warning() {
        assert_eq!(warnings("3.6.14", &[]), Vec::<String>::new());
        let alarms = [
            "memberID:1 alarm:NOSPACE ".to_owned(),
            "alarm:CORRUPT".to_owned(),
        ];
        let found = warnings("3.4.23", &alarms);
        let words = ["etcd 3.4.23", "etcdctl alarm disarm", "alarm:CORRUPT"];
        assert_eq!(found.len(), words.len());
        for (warning, word) in found.iter().zip(words) {
            assert!(warning.contains(word), "{warning}");
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_key_of_its_length() {
        assert_eq!(end_of(b"/weft/".to_vec()), b"/weft0".to_vec());
        assert_eq!(end_of(vec![1, 255]), vec![2]);
        assert_eq!(end_of(vec![255]), vec![0]);
    }
}
