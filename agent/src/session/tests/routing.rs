//! What the controller is told of an FRR whose daemons are this test: they have real sockets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use super::super::routing::Sight;
use super::*;

/// What the daemons say, by what they are asked.
type Words = Arc<Mutex<BTreeMap<&'static str, String>>>;

struct FakeFrr {
    folder: tempfile::TempDir,
    words: Words,
    daemons: Vec<AbortOnDropHandle<()>>,
}

impl FakeFrr {
    fn start() -> Self {
        let mut frr = Self {
            folder: tempfile::tempdir().unwrap(),
            words: Words::default(),
            daemons: Vec::new(),
        };
        frr.run();
        frr
    }

    fn run(&mut self) {
        for daemon in ["bgpd", "bfdd", "zebra"] {
            let socket = self.folder.path().join(format!("{daemon}.vty"));
            let _ = std::fs::remove_file(&socket);
            let listener = UnixListener::bind(&socket).unwrap();
            let words = Arc::clone(&self.words);
            let daemon = tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(converse(stream, Arc::clone(&words)));
                }
            });
            self.daemons.push(AbortOnDropHandle::new(daemon));
        }
    }

    /// Ends the daemons as a crash does: their sockets stay.
    fn die(&mut self) {
        self.daemons.clear();
    }

    fn say(&self, asked: &'static str, answer: &str) {
        self.words.lock().unwrap().insert(asked, answer.to_owned());
    }

    fn session(&self, state: &str) {
        let text = format!(
            r#"{{"default":{{"l2VpnEvpn":{{"peers":{{"192.0.2.2":{{"state":"{state}",
            "peerUptimeMsec":3000,"pfxRcd":5,"connectionsDropped":0}}}}}}}}}}"#
        );
        self.say("show bgp vrf all summary json", &text);
    }

    fn way(&self, status: &str) {
        let text = format!(r#"[{{"peer":"192.0.2.2","vrf":"default","status":"{status}"}}]"#);
        self.say("show bfd peers json", &text);
    }
}

async fn converse(mut stream: UnixStream, words: Words) {
    let mut asked = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut asked).await {
        while let Some(end) = asked.iter().position(|byte| *byte == 0) {
            let command: Vec<u8> = asked.drain(..=end).collect();
            let command = String::from_utf8_lossy(&command[..end]).into_owned();
            let known = words.lock().unwrap().get(command.as_str()).cloned();
            let answer = known.unwrap_or_default() + "\0\0\0\0";
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn routing(stream: &mut Stream) -> v1::Routing {
    match stream.heard().await {
        v1::up::Message::Routing(routing) => routing,
        message => panic!("{message:?}"),
    }
}

/// The next that is so; in between, one of two daemons may be looked at before the other.
async fn routing_when(stream: &mut Stream, is_so: impl Fn(&v1::Routing) -> bool) -> v1::Routing {
    loop {
        let routing = routing(stream).await;
        if is_so(&routing) {
            return routing;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_is_told_how_routing_goes_when_it_turns_and_on_every_stream() {
    let mut frr = FakeFrr::start();
    frr.session("Established");
    frr.way("up");
    let network = r#"{"100":{"vni":100,"type":"L2","numMacs":4,"numArpNd":6,
        "remoteVteps":["192.0.2.2","192.0.2.3"]}}"#;
    frr.say("show evpn vni json", network);
    let reasons = r#"{"default":{"l2VpnEvpn":{"peers":{"192.0.2.2":
        {"lastNotificationReason":"Cease/BFD Down"}}}}}"#;
    frr.say("show bgp vrf all summary failed json", reasons);

    let mut desk = Desk::open().await;
    let mut node = Node::new(&[desk.address]);
    node.sight = Sight {
        run: Some(frr.folder.path().to_owned()),
        every: Duration::from_millis(20),
    };
    let agent = node.start().await;
    let mut stream = desk.accept().await;
    let told = routing(&mut stream).await;
    let since = told.sessions[0].since;
    assert!(since > 1_700_000_000_000, "{since}");
    let session = v1::RoutingSession {
        vrf: "default".to_owned(),
        family: "l2VpnEvpn".to_owned(),
        peer: "192.0.2.2".to_owned(),
        state: "Established".to_owned(),
        since,
        received: 5,
        drops: 0,
    };
    let way = v1::RoutingWay {
        vrf: "default".to_owned(),
        peer: "192.0.2.2".to_owned(),
        up: true,
    };
    let up = v1::Routing {
        answers: true,
        sessions: vec![session],
        unlisted: 0,
        ways: vec![way],
        networks: Some(v1::RoutingNetworks {
            layer2: 1,
            layer3: 0,
            remotes: 2,
            macs: 4,
            neighbors: 6,
        }),
    };
    assert_eq!(told, up);

    frr.way("down");
    frr.session("Idle");
    let is_down = |it: &v1::Routing| it.sessions[0].state == "Idle" && !it.ways[0].up;
    let down = routing_when(&mut stream, is_down).await;
    stream.hear_events(2).await;
    assert_eq!(stream.events[0].kind, EventKind::Started);
    let lost = &stream.events[1];
    assert_eq!(lost.kind, EventKind::SessionLost);
    assert_eq!(
        lost.message,
        "session with 192.0.2.2 for l2VpnEvpn is lost: Cease/BFD Down"
    );

    // Another controller has not heard of it.
    let address = desk.close().await;
    drop(stream);
    let mut desk = Desk::open_at(address).await;
    let mut stream = desk.accept().await;
    assert_eq!(routing(&mut stream).await, down);

    frr.session("Established");
    routing_when(&mut stream, |it| it.sessions[0].state == "Established").await;
    stream.hear_events(1).await;
    assert_eq!(stream.events[0].kind, EventKind::SessionUp);
    frr.die();
    let silent = routing_when(&mut stream, |it| !it.answers).await;
    assert_eq!(silent.sessions, []);
    stream.hear_events(2).await;
    assert_eq!(
        stream.events[1].message,
        "bgpd does not answer: the session that was up is lost"
    );
    frr.run();
    routing_when(&mut stream, |it| it.answers && !it.ways.is_empty()).await;
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_routing_daemon_tells_nothing_of_routing() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open().await;
    let mut node = Node::new(&[desk.address]);
    node.sight = Sight {
        run: Some(folder.path().to_owned()),
        every: Duration::from_millis(1),
    };
    let agent = node.start().await;
    let mut stream = desk.accept().await;
    // Had it been told, it would come before the answers.
    for _ in 0..20 {
        let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
        let prepared = stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
        assert!(matches!(prepared, Answer::Prepared(_)), "{prepared:?}");
    }
    agent.stopped().await;
}
