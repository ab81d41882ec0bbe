//! What is said of an object is true of it, and of the nodes that carry it.

use weft_model::note::Severity;
use weft_model::object::ObjectKey;
use weft_model::plan::Origin;
use weft_model::routing::Count;

use super::*;

const NOW: Timestamp = Timestamp(5_000);

/// What is known of `vnet/web` on nodes n1, n2 and n3, all at revision 4.
struct Scene {
    key: ObjectKey,
    pending: Option<Pending>,
    notes: Vec<Note>,
    carriers: BTreeSet<NodeName>,
    nodes: BTreeMap<NodeName, NodeView>,
    is_routed: bool,
}

impl Scene {
    fn settled() -> Self {
        let names = ["n1", "n2", "n3"].map(|name| name.parse::<NodeName>().unwrap());
        let node = NodeView {
            connected: true,
            confirmed: RevisionId(4),
            at_head: true,
            stage: Stage::None,
            sessions: None,
        };
        Self {
            key: ObjectKey::new(Kind::Vnet, "web"),
            pending: None,
            notes: Vec::new(),
            carriers: names.iter().cloned().collect(),
            nodes: names.into_iter().map(|name| (name, node.clone())).collect(),
            is_routed: false,
        }
    }

    fn node(&mut self, name: &str) -> &mut NodeView {
        self.nodes.get_mut(name).unwrap()
    }

    fn status(&self, before: &[Condition]) -> Status {
        let zone = "lab".parse().unwrap();
        let vnet = "web".parse().unwrap();
        let view = View {
            key: &self.key,
            zone: Some(&zone),
            vnet: Some(&vnet),
            pending: self.pending,
            notes: &self.notes,
            head: RevisionId(4),
            carriers: &self.carriers,
            nodes: &self.nodes,
            is_routed: self.is_routed,
        };
        status(&view, before, NOW)
    }

    /// The condition on a topic: status, reason and message.
    fn says(&self, topic: Topic) -> String {
        let status = self.status(&[]);
        let it = status
            .conditions
            .iter()
            .find(|it| it.topic == topic)
            .unwrap();
        format!("{} {} {}", it.status.as_str(), it.reason, it.message)
    }

    fn states(&self) -> Vec<&'static str> {
        self.status(&[])
            .nodes
            .iter()
            .map(|it| it.state.as_str())
            .collect()
    }
}

fn fault(vnet: &str) -> Fault {
    Fault {
        origin: Some(Origin::Zone {
            zone: "lab".parse().unwrap(),
            vnet: Some(vnet.parse().unwrap()),
        }),
        attempt: format!("cannot create device {vnet} of type bridge"),
        cause: "not supported".to_owned(),
        advice: "load the module bridge".to_owned(),
    }
}

#[test]
fn an_object_that_all_nodes_confirmed_is_live() {
    let scene = Scene::settled();
    assert_eq!(scene.says(Topic::Valid), "True Valid ");
    assert_eq!(scene.says(Topic::Published), "True Published in revision 4");
    assert_eq!(scene.says(Topic::Live), "True Live live on 3 of 3");
    let status = scene.status(&[]);
    assert_eq!((status.live(), status.wanted()), (3, 3));
}

#[test]
fn a_changed_object_is_live_nowhere_until_it_is_published() {
    let mut scene = Scene::settled();
    scene.pending = Some(Pending::Changed);
    assert_eq!(
        scene.says(Topic::Published),
        "False Changed revision 4 has it as it was before"
    );
    assert_eq!(
        scene.says(Topic::Live),
        "False NotPublished live on 0 of 3: n1 is Pending, n2 is Pending, n3 is Pending"
    );
    scene.node("n1").stage = Stage::Preparing;
    scene.node("n2").stage = Stage::Applied;
    scene.node("n3").stage = Stage::Reverted;
    assert_eq!(scene.states(), ["Preparing", "Applied", "Reverted"]);
}

#[test]
fn a_node_that_lags_behind_the_head_is_told_of() {
    let mut scene = Scene::settled();
    scene.node("n2").at_head = false;
    scene.node("n2").confirmed = RevisionId(3);
    assert_eq!(
        scene.says(Topic::Live),
        "False NotEverywhere live on 2 of 3: n2 is Pending"
    );
    assert_eq!(
        scene.status(&[]).nodes[1].message,
        "the node is at revision 3"
    );
}

#[test]
fn of_a_node_that_is_away_nobody_can_tell() {
    let mut scene = Scene::settled();
    scene.node("n3").connected = false;
    assert_eq!(
        scene.says(Topic::Live),
        "Unknown Offline live on 2 of 3: n3 is Offline"
    );
    scene.node("n3").at_head = false;
    assert_eq!(
        scene.says(Topic::Live),
        "False NotEverywhere live on 2 of 3: n3 is Offline"
    );
    scene.nodes.remove("n1");
    assert_eq!(scene.states(), ["Offline", "Live", "Offline"]);
}

#[test]
fn a_rollout_that_another_object_spoiled_leaves_this_one_live() {
    let mut scene = Scene::settled();
    scene.node("n1").stage = Stage::Refused(vec![fault("db")]);
    scene.node("n2").stage = Stage::Reverted;
    assert_eq!(scene.states(), ["Live", "Live", "Live"]);
}

#[test]
fn the_object_at_fault_is_named_and_the_others_say_what_holds_them_back() {
    let mut scene = Scene::settled();
    scene.pending = Some(Pending::New);
    scene.node("n1").stage = Stage::Refused(vec![fault("db"), fault("web")]);
    scene.node("n2").stage = Stage::Failed(vec![fault("db")]);
    let text = |vnet: &str| fault(vnet).to_string();
    let status = scene.status(&[]);
    let nodes: Vec<_> = status
        .nodes
        .iter()
        .map(|it| (it.state, it.message.clone()))
        .collect();
    assert_eq!(
        nodes,
        [
            (NodeState::Refused, text("web")),
            (NodeState::Failed, text("db")),
            (NodeState::Pending, String::new()),
        ]
    );
}

#[test]
fn an_error_in_the_object_itself_makes_it_invalid() {
    let mut scene = Scene::settled();
    let note = |name: &str, severity| Note {
        severity,
        object: ObjectKey::new(Kind::Vnet, name),
        field: "spec.zone".to_owned(),
        problem: "zone lab does not exist".to_owned(),
        advice: "create the zone".to_owned(),
    };
    scene.notes = vec![note("db", Severity::Error), note("web", Severity::Warning)];
    let text = "spec.zone: zone lab does not exist: create the zone";
    assert_eq!(scene.says(Topic::Valid), format!("True Warnings {text}"));
    scene.notes.push(note("web", Severity::Error));
    assert_eq!(scene.says(Topic::Valid), format!("False Invalid {text}"));
}

#[test]
fn a_node_says_whether_it_is_connected() {
    let mut scene = Scene::settled();
    scene.key = ObjectKey::new(Kind::Node, "n1");
    assert_eq!(scene.says(Topic::Connected), "True Connected ");
    scene.node("n1").connected = false;
    assert_eq!(
        scene.says(Topic::Connected),
        "False Offline last confirmed revision 4"
    );
    scene.key = ObjectKey::new(Kind::Node, "n9");
    assert_eq!(
        scene.says(Topic::Connected),
        "False NeverSeen its agent has never connected"
    );
}

#[test]
fn a_condition_keeps_the_time_of_its_last_change() {
    let mut scene = Scene::settled();
    let mut before = scene.status(&[]).conditions;
    before
        .iter_mut()
        .for_each(|it| it.last_transition = Timestamp(1_000));
    scene.node("n1").at_head = false;
    let times: Vec<_> = scene
        .status(&before)
        .conditions
        .iter()
        .map(|it| (it.topic, it.last_transition))
        .collect();
    assert_eq!(
        times,
        [
            (Topic::Valid, Timestamp(1_000)),
            (Topic::Published, Timestamp(1_000)),
            (Topic::Live, NOW),
        ]
    );
}

/// What so many sessions come to, of which these are down.
fn sessions(total: u32, down: &[&str]) -> Option<Arc<Tally>> {
    let count = Count {
        up: total - down.len() as u32,
        total,
    };
    Some(Arc::new(Tally {
        answers: true,
        all: count,
        default: count,
        down: down
            .iter()
            .take(3)
            .map(|it| format!("{it} (Connect)"))
            .collect(),
    }))
}

#[test]
fn what_sessions_carry_says_whether_they_are_up_on_its_nodes_and_names_the_first_that_are_not() {
    let mut scene = Scene::settled();
    let has = |scene: &Scene| {
        let conditions = scene.status(&[]).conditions;
        conditions.iter().any(|it| it.topic == Topic::SessionsUp)
    };
    assert!(!has(&scene));
    scene.is_routed = true;
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "Unknown NotReported nothing is known of those of n1, n2, n3"
    );
    for name in ["n1", "n2", "n3"] {
        scene.node(name).sessions = sessions(2, &[]);
    }
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "True SessionsUp 6 of 6 are up"
    );
    scene.node("n3").sessions = None;
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "Unknown NotReported nothing is known of those of n3"
    );
    scene.node("n1").sessions = sessions(2, &["192.0.2.2"]);
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "False SessionsDown 3 of 4 are up: n1: 192.0.2.2 (Connect)"
    );
    scene.node("n2").sessions = Some(Arc::default());
    scene.node("n3").sessions = sessions(9, &["a", "b", "c", "d", "e"]);
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "False SessionsDown 5 of 11 are up: n1: 192.0.2.2 (Connect), n2: bgpd does not answer, \
         n3: a (Connect), and 4 more"
    );
    for name in ["n1", "n2", "n3"] {
        scene.node(name).sessions = sessions(0, &[]);
    }
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "True NoSessions there is none to be up"
    );
}

#[test]
fn a_node_that_has_sessions_says_whether_its_own_are_up() {
    let mut scene = Scene::settled();
    scene.key = ObjectKey::new(Kind::Node, "n1");
    scene.carriers = BTreeSet::new();
    let topics = |scene: &Scene| -> Vec<Topic> {
        let conditions = scene.status(&[]).conditions;
        conditions.iter().map(|it| it.topic).collect()
    };
    assert!(!topics(&scene).contains(&Topic::SessionsUp));
    scene.node("n1").sessions = sessions(2, &["192.0.2.2"]);
    scene.node("n2").sessions = sessions(2, &["192.0.2.1"]);
    assert_eq!(
        scene.says(Topic::SessionsUp),
        "False SessionsDown 1 of 2 are up: n1: 192.0.2.2 (Connect)"
    );
}
