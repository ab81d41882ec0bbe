//! How far everything is, for those who look: written by the engine, read by the services.
//!
//! # Guarantees
//! Readers see one moment. No lock is held while anything is waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::{broadcast, watch};
use weft_core::condition::{Condition, NodeView, Stage, Status};
use weft_model::name::NodeName;
use weft_model::object::ObjectKey;
use weft_model::report::NodeEvent;

use super::clock::Clock;
use super::course::Course;
use super::head::Head;
use super::roster::Roster;

/// How many events a slow watcher may be behind before it misses some and is told so.
const NEWS: usize = 1_024;

/// How many objects' conditions are remembered; beyond, all are forgotten, and the times of
/// their transitions with them.
const REMEMBERED: usize = 100_000;

/// How far everything is.
pub struct Board {
    state: RwLock<State>,
    moved: watch::Sender<u64>,
    news: broadcast::Sender<NodeNews>,
    past: Mutex<BTreeMap<ObjectKey, Vec<Condition>>>,
    views: Mutex<Option<Views>>,
}

/// What was known of every node when the board had changed so often.
struct Views {
    moved: u64,
    head: Arc<Head>,
    nodes: Arc<BTreeMap<NodeName, NodeView>>,
}

/// What the board shows.
pub struct State {
    /// The confirmed revision.
    pub head: Arc<Head>,
    /// The nodes.
    pub roster: Roster,
    /// The rollout that is active, or was the last of this leader.
    pub course: Option<Course>,
    /// The clock that the rollout's times count by.
    pub clock: Clock,
}

/// Something that happened on a node.
#[derive(Clone, Debug)]
pub struct NodeNews {
    /// The node.
    pub node: NodeName,
    /// What happened.
    pub event: Arc<NodeEvent>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            state: RwLock::new(State {
                head: Arc::new(Head::empty()),
                roster: Roster::default(),
                course: None,
                clock: Clock::start(),
            }),
            moved: watch::Sender::new(0),
            news: broadcast::Sender::new(NEWS),
            past: Mutex::default(),
            views: Mutex::default(),
        }
    }
}

impl Board {
    /// Looks at the board.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        // No code that could stop half-way runs under the lock.
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the board, and lets those who wait for a change know.
    pub fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.moved.send_modify(|count| *count += 1);
        result
    }

    /// The confirmed revision.
    pub fn head(&self) -> Arc<Head> {
        self.read(|state| Arc::clone(&state.head))
    }

    /// Shows another confirmed revision.
    pub fn set_head(&self, head: Arc<Head>) {
        self.write(|state| state.head = head);
    }

    /// Forgets what only a leader knows.
    pub fn forget_nodes(&self) {
        self.write(|state| {
            state.roster = Roster::default();
            state.course = None;
        });
    }

    /// Tells that something on the board changed.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Tells what happens on nodes, from now on.
    pub fn news(&self) -> broadcast::Receiver<NodeNews> {
        self.news.subscribe()
    }

    /// Tells that something happened on a node.
    pub fn tell(&self, node: &NodeName, event: &Arc<NodeEvent>) {
        // Without a watcher there is nobody to tell.
        let _ = self.news.send(NodeNews {
            node: node.clone(),
            event: Arc::clone(event),
        });
    }

    /// What is known of every node, compared with what `head` wants of it. It is put together once
    /// for all who ask before the board changes.
    pub fn node_views(&self, head: &Arc<Head>) -> Arc<BTreeMap<NodeName, NodeView>> {
        // Counted before it is read: what is newer than it is counted as is only made again.
        let moved = *self.moved.borrow();
        let lock = || self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*lock()
            && known.moved == moved
            && Arc::ptr_eq(&known.head, head)
        {
            return Arc::clone(&known.nodes);
        }
        let nodes = Arc::new(self.read(|state| state.node_views(head)));
        *lock() = Some(Views {
            moved,
            head: Arc::clone(head),
            nodes: Arc::clone(&nodes),
        });
        nodes
    }

    /// An object's status, which depends on what its conditions were when last asked.
    pub fn transition(
        &self,
        key: &ObjectKey,
        status: impl FnOnce(&[Condition]) -> Status,
    ) -> Status {
        let before = {
            let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            past.get(key).cloned().unwrap_or_default()
        };
        let status = status(&before);
        let conditions: Vec<Condition> = status
            .conditions
            .iter()
            .map(|condition| Condition {
                message: String::new(),
                ..condition.clone()
            })
            .collect();
        if conditions != before {
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            if past.len() >= REMEMBERED {
                past.clear();
            }
            past.insert(key.clone(), conditions);
        }
        status
    }
}

impl State {
    fn node_views(&self, head: &Head) -> BTreeMap<NodeName, NodeView> {
        self.roster
            .known()
            .filter_map(|node| Some((node, self.roster.get(node)?)))
            .map(|(node, place)| {
                let view = NodeView {
                    connected: place.is_connected(),
                    confirmed: place.confirmed().target.revision,
                    at_head: place.confirmed().target.digest == head.digest(node),
                    stage: match place.faults() {
                        [] => self.stage(node),
                        faults => Stage::Failed(faults.to_vec()),
                    },
                    sessions: place.sessions().cloned(),
                };
                (node.clone(), view)
            })
            .collect()
    }

    fn stage(&self, node: &NodeName) -> Stage {
        self.course
            .as_ref()
            .map_or(Stage::None, |course| course.stage(node))
    }
}
