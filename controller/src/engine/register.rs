//! Nodes that say what they are, noted in the draft: many to a transaction.
//!
//! # Guarantees
//! A cluster that starts at once is a few transactions for every hundred nodes. Whoever asks is
//! answered when its node has an object and the draft has its facts, or with why not; what keeps
//! one node out keeps out no other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, oneshot};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::node::NodeSpec;
use weft_model::object::{Declared, Labels, Metadata, Object};

use super::clock::wall_clock;
use super::draft::{Draft, Mirror};
use super::refusal::Refusal;
use super::storage;
use crate::store::Store;
use crate::store::draft::{Batch, Change, Origin};
use crate::store::error::{Conflict, StoreError};
use crate::store::write::{Audit, Fence};

/// How many nodes are noted together: as many objects as the store writes in one transaction.
const TOGETHER: usize = 100;

/// How often nodes are made again because others changed the draft in between.
const ATTEMPTS: u32 = 16;

/// How many nodes the audit names; the draft's history has the rest.
const NAMED: usize = 20;

/// Notes nodes, for as long as this controller leads.
pub(super) struct Register {
    store: Store,
    mirror: Mirror,
    fence: Fence,
    waiting: Mutex<VecDeque<Entry>>,
    turn: Turn<()>,
}

/// A node that waits to be noted.
struct Entry {
    node: NodeName,
    facts: Facts,
    done: oneshot::Sender<Result<(), Refusal>>,
}

impl Register {
    /// A register under this leadership.
    pub(super) fn new(store: Store, mirror: Mirror, fence: Fence) -> Self {
        Self {
            store,
            mirror,
            fence,
            waiting: Mutex::default(),
            turn: Turn::new(()),
        }
    }

    /// Makes sure that a node has an object, and that the draft has its facts.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) async fn note(&self, node: NodeName, facts: Facts) -> Result<(), Refusal> {
        let draft = self.mirror.now();
        if has_object(&draft, &node) && has_facts(&draft, &node, &facts) {
            return Ok(());
        }
        let (done, mut answer) = oneshot::channel();
        self.lock().push_back(Entry { node, facts, done });
        // Whoever's turn it is writes for all who wait, and those find their answer at their turn.
        let _turn = self.turn.lock().await;
        loop {
            match answer.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Empty) => {
                    let entries = self.take();
                    // In its place every stream would hold room for it as long as it lives.
                    Box::pin(self.write(entries)).await;
                }
                // Whoever wrote for this node was broken off.
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(Refusal::Again("noting the node was broken off".to_owned()));
                }
            }
        }
    }

    /// The first who wait, no node twice.
    fn take(&self) -> Vec<Entry> {
        let mut waiting = self.lock();
        let mut names = BTreeSet::new();
        let count = waiting
            .iter()
            .take(TOGETHER)
            .take_while(|entry| names.insert(entry.node.clone()))
            .count();
        waiting.drain(..count).collect()
    }

    async fn write(&self, entries: Vec<Entry>) {
        let together = self.write_all(&entries).await;
        for entry in entries {
            let answer = match &together {
                // One of them is too much for the store: the others need not suffer.
                Err(StoreFailure::TooLarge) => self
                    .write_all(std::slice::from_ref(&entry))
                    .await
                    .map_err(StoreFailure::into_refusal),
                Err(failure) => Err(failure.clone().into_refusal()),
                Ok(()) => Ok(()),
            };
            // Whoever asked may have gone.
            let _ = entry.done.send(answer);
        }
    }

    async fn write_all(&self, entries: &[Entry]) -> Result<(), StoreFailure> {
        self.make_objects(entries).await?;
        let draft = self.mirror.now();
        let changed: BTreeMap<NodeName, Facts> = entries
            .iter()
            .filter(|entry| !has_facts(&draft, &entry.node, &entry.facts))
            .map(|entry| (entry.node.clone(), entry.facts.clone()))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.store.put_facts(&self.fence, &changed).await?;
        self.mirror.put_facts(changed);
        Ok(())
    }

    /// Without validation: that a node is there is a fact, and what it makes wrong is told when
    /// the draft is published.
    async fn make_objects(&self, entries: &[Entry]) -> Result<(), StoreFailure> {
        for _ in 0..ATTEMPTS {
            let draft = self.mirror.now();
            let new: Vec<&NodeName> = entries
                .iter()
                .map(|entry| &entry.node)
                .filter(|node| !has_object(&draft, node))
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            let batch = Batch {
                changes: new.iter().map(|node| creation(node)).collect(),
                // An administrator who makes an object at the same time is not overwritten.
                basis: Some(draft.changed()),
                audit: audit(&new),
                origin: Origin::Node,
                idempotency: None,
            };
            match self.store.apply(&self.fence, batch).await {
                Ok(applied) => {
                    self.mirror.at(applied.version).await?;
                    return Ok(());
                }
                Err(error) => match error.conflict() {
                    Some(Conflict::Draft { found, .. }) => {
                        self.mirror.at(*found).await?;
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        Err(Refusal::Again("others change the draft all the time: try again".to_owned()).into())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        // No code that could stop half-way runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nodes were not noted.
#[derive(Clone)]
enum StoreFailure {
    /// They are more than the store takes at once.
    TooLarge,
    /// Anything else.
    Other(Refusal),
}

impl StoreFailure {
    fn into_refusal(self) -> Refusal {
        match self {
            Self::TooLarge => Refusal::Store(
                "what the node says of itself is more than etcd takes: give its devices fewer \
                 addresses"
                    .to_owned(),
            ),
            Self::Other(refusal) => refusal,
        }
    }
}

impl From<StoreError> for StoreFailure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge { .. } => Self::TooLarge,
            other => Self::Other(storage::refusal(&other)),
        }
    }
}

impl From<Refusal> for StoreFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Other(refusal)
    }
}

fn has_object(draft: &Draft, node: &NodeName) -> bool {
    draft.snapshot().nodes().contains(node)
}

fn has_facts(draft: &Draft, node: &NodeName, facts: &Facts) -> bool {
    let known = draft.snapshot().facts().get(node);
    known.is_some_and(|known| **known == *facts)
}

fn creation(node: &NodeName) -> Change {
    Change::Put {
        object: Object::Node(Declared {
            metadata: Metadata {
                name: node.clone(),
                labels: Labels::new(),
            },
            spec: NodeSpec::default(),
        }),
        expected: None,
    }
}

fn audit(nodes: &[&NodeName]) -> Audit {
    let author = match nodes {
        [only] => format!("node/{only}"),
        _ => "nodes".to_owned(),
    };
    let named = nodes.iter().take(NAMED).map(|node| format!("node/{node}"));
    let mut detail = named.collect::<Vec<_>>().join(" ");
    if let Some(more) = nodes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        detail.push_str(&format!(" and {more} more"));
    }
    Audit {
        at: wall_clock(),
        author,
        action: "hello".to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio_util::sync::CancellationToken;
    use weft_model::facts::LinkFacts;
    use weft_model::object::{Kind, ObjectKey};

    use super::*;
    use crate::leader::{Candidate, Election, LEASE};

    struct World {
        store: Store,
        register: Register,
        _election: Election,
    }

    async fn world() -> World {
        let store = Store::memory();
        let candidate = Candidate {
            name: "one".to_owned(),
            address: "http://one".to_owned(),
        };
        let election = Election::start(store.clone(), candidate, LEASE);
        let mut leadership = election.leadership();
        let leads = leadership.wait_for(|now| now.fence().is_some()).await;
        let fence = leads.unwrap().fence().unwrap().clone();
        let mirror = Mirror::open(store.clone()).await.unwrap();
        tokio::spawn(mirror.clone().run(CancellationToken::new()));
        World {
            register: Register::new(store.clone(), mirror, fence),
            store,
            _election: election,
        }
    }

    fn node(number: usize) -> NodeName {
        format!("n{number:03}").parse().unwrap()
    }

    fn facts(link: &str) -> Facts {
        Facts {
            default_ipv4: Some(link.parse().unwrap()),
            ..Facts::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_come_together_are_written_together_and_a_known_one_is_not_written() {
        let world = world().await;
        let before = world.store.draft().await.unwrap().version.0;
        let notes = (0..250).map(|number| world.register.note(node(number), facts("eth0")));
        assert_eq!(join_all(notes).await, vec![Ok(()); 250]);
        // The first finds nobody before it; the others wait for it, and are three batches. Each is
        // one transaction for the objects and one for the facts.
        let draft = world.store.draft().await.unwrap();
        assert_eq!(draft.version.0 - before, 8);
        let objects = (0..250).map(|number| ObjectKey::new(Kind::Node, node(number).as_str()));
        assert!(draft.objects.keys().cloned().eq(objects));
        let known = world.store.facts().await.unwrap();
        let same = (0..250).map(|number| (node(number), facts("eth0")));
        assert!(known.into_iter().eq(same));

        assert_eq!(world.register.note(node(7), facts("eth0")).await, Ok(()));
        let after = world.store.draft().await.unwrap().version;
        assert_eq!(after, draft.version);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_comes_twice_at_once_is_noted_as_it_came_last() {
        let world = world().await;
        let notes = ["eth0", "eth1", "eth2"].map(|link| world.register.note(node(1), facts(link)));
        assert_eq!(join_all(notes).await, vec![Ok(()); 3]);
        let known = world.store.facts().await.unwrap();
        assert_eq!(known, BTreeMap::from([(node(1), facts("eth2"))]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_says_more_than_the_store_takes_keeps_out_no_other() {
        let world = world().await;
        let mut huge = facts("eth0");
        let addresses = (0..160_000_u32).map(|number| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
            format!("{address}/8").parse().unwrap()
        });
        let link = LinkFacts {
            mtu: None,
            addresses: addresses.collect(),
        };
        huge.links.insert("eth0".parse().unwrap(), link);
        let notes = [
            (node(0), facts("eth0")),
            (node(1), facts("eth0")),
            (node(2), huge),
            (node(3), facts("eth0")),
        ];
        let notes = notes.map(|(node, facts)| world.register.note(node, facts));
        let too_much = Err(StoreFailure::TooLarge.into_refusal());
        assert_eq!(join_all(notes).await, [Ok(()), Ok(()), too_much, Ok(())]);
        let known = world.store.facts().await.unwrap();
        assert!(known.into_keys().eq([0, 1, 3].map(node)));
    }
}
