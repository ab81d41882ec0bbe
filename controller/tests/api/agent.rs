//! An agent that does what a script says and keeps its plan in memory.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use weft_model::facts::{DeviceType, Facts, LinkFacts};
use weft_model::message::{
    Answer, Command, Confirmed, Fence, Found, Hello, Pin, Progress, Standing, Target,
};
use weft_model::mtu::Mtu;
use weft_model::plan::{NodePlan, PlanDelta};
use weft_model::report::{EventKind, Fault, NodeEvent};
use weft_model::revision::{Epoch, RevisionId, RolloutId, Timestamp};
use weft_proto::convert::message::{answer_to_wire, command, hello_to_wire};
use weft_proto::convert::report::event_to_wire;
use weft_proto::digest;
use weft_proto::v1;
use weft_proto::v1::agents_client::AgentsClient;

/// What an agent does with its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Whatever it is told.
    Obey,
    /// Says at prepare that it cannot.
    Refuse,
    /// Says at apply that it could not.
    Fail,
    /// Hears the apply, or what is to bring it to the head, and says nothing.
    Hang,
    /// Asks for the whole plan before it believes a difference.
    Doubt,
}

/// What a node has.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub confirmed: Confirmed,
    pub plan: NodePlan,
    pub changing: Option<Changing>,
    /// Every command, in a word, in order.
    pub heard: Vec<&'static str>,
    /// The rollout that each of them was of.
    pub heard_of: Vec<RolloutId>,
    /// How many entries each plan brought that was sent.
    pub brought: Vec<usize>,
    pub epoch: Epoch,
    pub pin: Option<Pin>,
}

/// A change in hand.
#[derive(Clone, Debug)]
pub struct Changing {
    pub fence: Fence,
    pub to: Target,
    pub plan: NodePlan,
    pub applied: bool,
}

/// A running agent; dropping it cuts it off.
pub struct Agent {
    pub name: &'static str,
    node: Arc<Mutex<Node>>,
    task: Option<AbortOnDropHandle<()>>,
    script: Script,
    facts: Facts,
    server: watch::Receiver<SocketAddr>,
    words: Option<mpsc::Sender<v1::up::Message>>,
}

impl Agent {
    /// An agent that connects to whatever `server` says, for as long as it lives.
    pub fn start(
        name: &'static str,
        number: u8,
        script: Script,
        server: watch::Receiver<SocketAddr>,
    ) -> Self {
        let mut agent = Self {
            name,
            node: Arc::default(),
            task: None,
            script,
            facts: facts(number),
            server,
            words: None,
        };
        agent.connect();
        agent
    }

    /// Cuts the agent off; what the node has stays.
    pub fn disconnect(&mut self) {
        self.task = None;
    }

    /// Lets the agent connect again.
    pub fn connect(&mut self) {
        let (words, heard) = mpsc::channel(16);
        self.words = Some(words);
        let run = run(
            self.name,
            Arc::clone(&self.node),
            self.script,
            self.facts.clone(),
            self.server.clone(),
            heard,
        );
        self.task = Some(AbortOnDropHandle::new(tokio::spawn(run)));
    }

    /// Lets the agent do something else from its next connection on.
    pub fn set_script(&mut self, script: Script) {
        self.script = script;
        self.disconnect();
        self.connect();
    }

    /// Lets something happen on the node.
    pub async fn happen(&self, message: &str) {
        let event = NodeEvent {
            at: Timestamp(1),
            kind: EventKind::DriftHealed,
            origin: None,
            message: message.to_owned(),
        };
        let event = event_to_wire(&self.name.parse().unwrap(), &event);
        self.say(v1::up::Message::Event(event)).await;
    }

    /// Says how routing goes on the node.
    pub async fn route(&self, routing: v1::Routing) {
        self.say(v1::up::Message::Routing(routing)).await;
    }

    async fn say(&self, message: v1::up::Message) {
        self.words.as_ref().unwrap().send(message).await.unwrap();
    }

    /// Has the node say from its next connection on that it confirmed this rollout.
    pub fn claim_rollout(&self, rollout: u64) {
        self.node.lock().unwrap().confirmed.rollout = RolloutId(rollout);
    }

    /// What the node has.
    pub fn node(&self) -> Node {
        self.node.lock().unwrap().clone()
    }

    /// The names of the devices that the node has for good.
    pub fn devices(&self) -> Vec<String> {
        let node = self.node();
        node.plan
            .links()
            .map(|link| link.name.to_string())
            .collect()
    }

    /// The revision that the node confirmed.
    pub fn revision(&self) -> RevisionId {
        self.node().confirmed.target.revision
    }
}

fn facts(number: u8) -> Facts {
    let link = LinkFacts {
        mtu: Mtu::try_from(1500).ok(),
        addresses: [format!("10.9.0.{number}/24").parse().unwrap()].into(),
    };
    Facts {
        kernel: "6.1.0".parse().unwrap(),
        agent: "0.1.0".parse().unwrap(),
        device_types: DeviceType::ALL.into(),
        links: [("eth0".parse().unwrap(), link)].into(),
        default_ipv4: "eth0".parse().ok(),
        nft: "1.0".parse().ok(),
        ..Facts::default()
    }
}

async fn run(
    name: &'static str,
    node: Arc<Mutex<Node>>,
    script: Script,
    facts: Facts,
    server: watch::Receiver<SocketAddr>,
    mut words: mpsc::Receiver<v1::up::Message>,
) {
    loop {
        let address = *server.borrow();
        if let Ok(client) = AgentsClient::connect(format!("http://{address}")).await
            && let Err(status) = converse(name, &node, script, &facts, client, &mut words).await
        {
            println!("{name}: {status}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn converse(
    name: &'static str,
    node: &Mutex<Node>,
    script: Script,
    facts: &Facts,
    mut client: AgentsClient<tonic::transport::Channel>,
    words: &mut mpsc::Receiver<v1::up::Message>,
) -> Result<(), tonic::Status> {
    let (up, outbox) = mpsc::channel(64);
    let hello = v1::Hello {
        node: name.to_owned(),
        version: "0.1.0".to_owned(),
        facts: Some(facts.into()),
        ..hello_to_wire(&node.lock().unwrap().hello())
    };
    say(&up, v1::up::Message::Hello(hello)).await;
    let mut down = client
        .session(ReceiverStream::new(outbox))
        .await?
        .into_inner();
    loop {
        let message = tokio::select! {
            message = down.next() => message,
            Some(word) = words.recv() => {
                say(&up, word).await;
                continue;
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        for message in node.lock().unwrap().hear(script, message?) {
            up.try_send(v1::Up {
                message: Some(message),
            })
            .unwrap();
        }
    }
}

async fn say(up: &mpsc::Sender<v1::Up>, message: v1::up::Message) {
    let _ = up
        .send(v1::Up {
            message: Some(message),
        })
        .await;
}

impl Node {
    fn hello(&self) -> Hello {
        let standing = match &self.changing {
            None => Standing::Settled,
            Some(changing) => Standing::Unsettled {
                rollout: changing.fence.rollout,
                to: changing.to,
                progress: if changing.applied {
                    Progress::Verified
                } else {
                    Progress::Prepared
                },
            },
        };
        Hello {
            pin: self.pin.clone(),
            epoch: self.epoch,
            confirmed: self.confirmed,
            standing,
        }
    }

    fn hear(&mut self, script: Script, down: v1::Down) -> Vec<v1::up::Message> {
        match down.message.unwrap() {
            v1::down::Message::Welcome(_) => Vec::new(),
            v1::down::Message::Plan(plan) => {
                let delta = plan.plan.unwrap();
                self.brought.push(delta.put.len());
                let mut changing = self.changing.take().unwrap();
                changing.plan = NodePlan::default();
                changing.plan.apply(&PlanDelta::try_from(&delta).unwrap());
                assert_eq!(digest::plan(&changing.plan), changing.to.digest);
                let steps = changing.plan.len() as u32;
                let answer = Answer::Prepared(Found::steps(steps));
                let fence = changing.fence.clone();
                self.changing = Some(changing);
                vec![answer_of(&fence, &answer)]
            }
            v1::down::Message::Command(wire) => {
                let (fence, command, delta) = command(wire).unwrap();
                let known = self.pin.as_ref().map(|pin| pin.incarnation);
                if known < Some(fence.incarnation) {
                    // Numbers count anew after a restored backup.
                    self.epoch = Epoch::default();
                    self.confirmed.rollout = RolloutId::default();
                }
                assert!(
                    known <= Some(fence.incarnation),
                    "a store of the past speaks"
                );
                assert!(fence.epoch >= self.epoch, "a deposed leader speaks");
                self.pin = Some(Pin {
                    cluster: fence.cluster.clone(),
                    incarnation: fence.incarnation,
                });
                self.epoch = fence.epoch;
                self.obey(script, &fence, &command, delta)
            }
        }
    }

    fn obey(
        &mut self,
        script: Script,
        fence: &Fence,
        command: &Command,
        delta: Option<v1::PlanDelta>,
    ) -> Vec<v1::up::Message> {
        self.heard_of.push(fence.rollout);
        let answer = match command {
            Command::Prepare { from, to, .. } => {
                self.heard.push("prepare");
                if script == Script::Refuse {
                    Some(Answer::Refused(vec![fault("cannot create device")]))
                } else if from.digest != self.confirmed.target.digest {
                    Some(Answer::Refused(vec![fault("cannot start from there")]))
                } else {
                    self.stage(fence, *to, &delta.unwrap());
                    if script == Script::Doubt {
                        let nonce = fence.nonce.0;
                        return vec![v1::up::Message::WantPlan(v1::WantPlan { nonce })];
                    }
                    Some(Answer::Prepared(Found::steps(1)))
                }
            }
            Command::Apply => {
                self.heard.push("apply");
                match script {
                    Script::Fail => Some(Answer::Failed(vec![fault("cannot enslave device")])),
                    Script::Hang => None,
                    Script::Obey | Script::Refuse | Script::Doubt => {
                        self.changing.as_mut().unwrap().applied = true;
                        Some(Answer::Verified)
                    }
                }
            }
            Command::KeepAlive => {
                self.heard.push("keep-alive");
                (script != Script::Hang).then_some(Answer::Alive)
            }
            Command::Check => {
                self.heard.push("check");
                (script != Script::Hang).then_some(Answer::Verified)
            }
            Command::Confirm => {
                self.heard.push("confirm");
                if let Some(changing) = self.changing.take() {
                    assert!(changing.applied, "confirmed before it was applied");
                    self.plan = changing.plan;
                    self.confirmed = Confirmed {
                        rollout: fence.rollout,
                        target: changing.to,
                    };
                }
                Some(Answer::Confirmed)
            }
            Command::Rollback => {
                self.heard.push("rollback");
                self.changing = None;
                Some(Answer::RolledBack)
            }
            Command::CatchUp { to, .. } => {
                self.heard.push("catch-up");
                if script == Script::Hang {
                    return Vec::new();
                }
                self.stage(fence, *to, &delta.unwrap());
                self.changing.as_mut().unwrap().applied = true;
                Some(Answer::Verified)
            }
        };
        let answer = answer.map(|answer| answer_of(fence, &answer));
        answer.into_iter().collect()
    }

    fn stage(&mut self, fence: &Fence, to: Target, delta: &v1::PlanDelta) {
        self.brought.push(delta.put.len());
        let mut plan = if delta.from_digest.is_empty() {
            NodePlan::default()
        } else {
            assert_eq!(delta.from_digest, digest::plan(&self.plan).as_bytes());
            self.plan.clone()
        };
        plan.apply(&PlanDelta::try_from(delta).unwrap());
        assert_eq!(digest::plan(&plan), to.digest, "the digest fits the plan");
        self.changing = Some(Changing {
            fence: fence.clone(),
            to,
            plan,
            applied: false,
        });
    }
}

fn answer_of(fence: &Fence, answer: &Answer) -> v1::up::Message {
    v1::up::Message::Answer(answer_to_wire(fence, answer))
}

fn fault(attempt: &str) -> Fault {
    Fault {
        origin: None,
        attempt: attempt.to_owned(),
        cause: "the script says so".to_owned(),
        advice: String::new(),
    }
}
