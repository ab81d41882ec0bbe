//! The nodes whose agents are or were connected to this leader.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weft_model::message::{Confirmed, Hello, Standing, Target};
use weft_model::name::NodeName;
use weft_model::report::{Fault, NodeEvent};
use weft_model::revision::{Epoch, RolloutId, Timestamp};
use weft_model::routing::{Routing, Tally};
use weft_proto::convert::message::progress_word;
use weft_proto::v1;

use super::port::{Arrival, Outbox, Session, SessionId};

/// How many events are kept of each node.
const EVENTS_OF_A_NODE: usize = 32;

/// How many events are kept of all nodes together, for the status of objects.
const EVENTS_IN_ALL: usize = 1_024;

/// Every node that this leader has heard of.
#[derive(Debug, Default)]
pub struct Roster {
    places: BTreeMap<NodeName, Place>,
    recent: VecDeque<(NodeName, Arc<NodeEvent>)>,
    sessions: u64,
}

/// What this leader knows of one node.
#[derive(Debug)]
pub struct Place {
    line: Option<Line>,
    /// When the node was last heard of, for people.
    pub last_seen: Timestamp,
    /// The agent's version.
    pub version: String,
    hello: Hello,
    faults: Vec<Fault>,
    events: VecDeque<Arc<NodeEvent>>,
}

#[derive(Debug)]
struct Line {
    id: SessionId,
    outbox: Outbox,
    ended: CancellationToken,
    /// What was said on this stream of how routing goes. It is as good as the stream: an agent says
    /// it anew on the next one, and of a node that is away nobody can tell.
    routing: Option<(Routing, Arc<Tally>)>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Roster {
    /// Takes an agent in, in place of an older stream of the same node.
    pub fn arrive(&mut self, arrival: &Arrival, outbox: Outbox, now: Timestamp) -> Session {
        self.sessions += 1;
        let id = SessionId(self.sessions);
        let ended = CancellationToken::new();
        let line = Line {
            id,
            outbox,
            ended: ended.clone(),
            routing: None,
        };
        let events = self.places.remove(&arrival.node).map(|place| {
            if place.line.is_some() {
                warn!(node = %arrival.node, "a second stream of the node takes the first one's place");
            }
            place.events
        });
        let place = Place {
            line: Some(line),
            last_seen: now,
            version: arrival.version.clone(),
            hello: arrival.hello.clone(),
            faults: Vec::new(),
            events: events.unwrap_or_default(),
        };
        self.places.insert(arrival.node.clone(), place);
        Session { id, ended }
    }

    /// Takes in what an earlier leader knew of a node.
    pub fn remember(&mut self, node: NodeName, target: Target) {
        self.places.entry(node).or_insert_with(|| Place {
            line: None,
            last_seen: Timestamp::default(),
            version: String::new(),
            hello: Hello {
                pin: None,
                epoch: Epoch::default(),
                confirmed: Confirmed {
                    rollout: RolloutId::default(),
                    target,
                },
                standing: Standing::Settled,
            },
            faults: Vec::new(),
            events: VecDeque::new(),
        });
    }

    /// Notes that a stream ended; says whether it was the node's present one.
    pub fn leave(&mut self, node: &NodeName, session: SessionId) -> bool {
        let Some(place) = self.present(node, session) else {
            return false;
        };
        place.line = None;
        true
    }

    /// Notes that a node was heard of; says whether it was on its present stream.
    pub fn hear(&mut self, node: &NodeName, session: SessionId, now: Timestamp) -> bool {
        let Some(place) = self.present(node, session) else {
            return false;
        };
        place.last_seen = now;
        true
    }

    /// Sends a message; a node that is not connected misses it, and one that does not read is cut
    /// off, so that it says hello again when it does. Says whether the message is on its way.
    pub fn send(&mut self, node: &NodeName, message: v1::Down) -> bool {
        let Some(place) = self.places.get_mut(node) else {
            return false;
        };
        let Some(line) = &place.line else {
            return false;
        };
        match line.outbox.try_send(Box::new(message)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                warn!(node = %node, "agent does not read, its stream is closed");
                place.line = None;
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                info!(node = %node, "agent's stream is closed");
                place.line = None;
                false
            }
        }
    }

    /// Closes a node's stream, so that it says hello again.
    pub fn cut(&mut self, node: &NodeName) {
        if let Some(place) = self.places.get_mut(node)
            && place.line.take().is_some()
        {
            info!(node = %node, "agent's stream is closed for it to say hello again");
        }
    }

    /// Notes why a node could not be brought to the head, or must not be touched.
    pub fn blame(&mut self, node: &NodeName, faults: Vec<Fault>) {
        if let Some(place) = self.places.get_mut(node) {
            place.faults = faults;
        }
    }

    /// Notes what a node confirmed.
    pub fn confirm(&mut self, node: &NodeName, confirmed: Confirmed) {
        if let Some(place) = self.places.get_mut(node) {
            place.hello.confirmed = confirmed;
            place.hello.standing = Standing::Settled;
            place.faults.clear();
        }
    }

    /// Notes how routing goes on a node.
    pub fn route(&mut self, node: &NodeName, routing: Routing) {
        let line = self.places.get_mut(node).and_then(|it| it.line.as_mut());
        if let Some(line) = line {
            let tally = Arc::new(routing.tally());
            line.routing = Some((routing, tally));
        }
    }

    /// Keeps an event.
    pub fn note(&mut self, node: &NodeName, event: &Arc<NodeEvent>) {
        if let Some(place) = self.places.get_mut(node) {
            push_bounded(&mut place.events, Arc::clone(event), EVENTS_OF_A_NODE);
        }
        push_bounded(
            &mut self.recent,
            (node.clone(), Arc::clone(event)),
            EVENTS_IN_ALL,
        );
    }

    /// What is known of a node.
    pub fn get(&self, node: &NodeName) -> Option<&Place> {
        self.places.get(node)
    }

    /// Whether a node's agent is connected.
    pub fn is_connected(&self, node: &NodeName) -> bool {
        self.places.get(node).is_some_and(Place::is_connected)
    }

    /// The nodes whose agents are connected.
    pub fn connected(&self) -> impl Iterator<Item = &NodeName> {
        self.places
            .iter()
            .filter(|(_, place)| place.is_connected())
            .map(|(node, _)| node)
    }

    /// Every node that was heard of.
    pub fn known(&self) -> impl Iterator<Item = &NodeName> {
        self.places.keys()
    }

    /// What happened lately, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &(NodeName, Arc<NodeEvent>)> {
        self.recent.iter()
    }

    fn present(&mut self, node: &NodeName, session: SessionId) -> Option<&mut Place> {
        self.places
            .get_mut(node)
            .filter(|place| place.line.as_ref().is_some_and(|line| line.id == session))
    }
}

impl Place {
    /// Whether the node's agent is connected.
    pub fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// Whether this is the node's present stream.
    pub fn is_on(&self, session: SessionId) -> bool {
        self.line.as_ref().is_some_and(|line| line.id == session)
    }

    /// What the node would say now if it connected anew, as far as this leader knows.
    pub fn hello(&self) -> Hello {
        self.hello.clone()
    }

    /// The last plan that the node confirmed, as far as this leader knows.
    pub fn confirmed(&self) -> Confirmed {
        self.hello.confirmed
    }

    /// Why the node could not be brought to the head, or must not be touched.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What happened on the node lately, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Arc<NodeEvent>> {
        self.events.iter()
    }

    /// How routing goes on the node, where it has any and its agent is connected.
    pub fn routing(&self) -> Option<&Routing> {
        let routing = self.line.as_ref()?.routing.as_ref();
        routing.map(|(routing, _)| routing)
    }

    /// What its routing sessions come to.
    pub fn sessions(&self) -> Option<&Arc<Tally>> {
        let routing = self.line.as_ref()?.routing.as_ref();
        routing.map(|(_, tally)| tally)
    }

    /// Where the node stood when it said hello, in a word.
    pub fn standing_word(&self) -> &'static str {
        match self.hello.standing {
            Standing::Settled => "idle",
            Standing::Unsettled { progress, .. } => progress_word(progress),
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, bound: usize) {
    if queue.len() >= bound {
        queue.pop_front();
    }
    queue.push_back(item);
}
