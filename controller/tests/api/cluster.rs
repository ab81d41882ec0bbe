//! A controller in this process, and what tests ask of it.

use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use weft_controller::api::reading::UNREAD;
use weft_controller::api::server;
use weft_controller::engine::keepsake::Keepsake;
use weft_controller::etcd::{ChildEtcd, ChildOptions, Durability};
use weft_controller::member::{Member, Settings};
use weft_controller::store::Store;
use weft_controller::store::keys::AUDIT;
use weft_controller::store::kv::entry::Want;
use weft_controller::store::options::EtcdOptions;
use weft_controller::store::write::Audit;
use weft_core::rollout::policy::Policy;
use weft_model::clock::Span;
use weft_proto::v1;
use weft_proto::v1::cluster_client::ClusterClient;
use weft_proto::v1::nodes_client::NodesClient;
use weft_proto::v1::objects_client::ObjectsClient;
use weft_proto::v1::revisions_client::RevisionsClient;
use weft_proto::v1::rollouts_client::RolloutsClient;

use crate::agent::{Agent, Script};

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A store and the controller that runs on it.
pub struct Cluster {
    store: Store,
    /// Lives as long as the cluster, where the store is in it.
    etcd: Option<(ChildEtcd, tempfile::TempDir)>,
    policy: Policy,
    keepsake: Keepsake,
    unread: Duration,
    running: Option<Running>,
    address: watch::Sender<SocketAddr>,
}

struct Running {
    stop: CancellationToken,
    member: Member,
    served: tokio::task::JoinHandle<()>,
}

impl Cluster {
    /// A cluster whose controller leads.
    pub async fn start() -> Self {
        Self::with_policy(Policy {
            keep_alive: Span(200),
            contact: Span(3_000),
            settle: Span(2_000),
            ..Policy::default()
        })
        .await
    }

    /// A cluster whose rollouts go like this.
    pub async fn with_policy(policy: Policy) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut cluster = Self {
            store: Store::memory(),
            etcd: None,
            policy,
            keepsake: Keepsake::default(),
            unread: UNREAD,
            running: None,
            address: watch::Sender::new(nowhere),
        };
        cluster.resume().await;
        cluster
    }

    /// A cluster whose controller lets clients leave unread what they asked for, for so long.
    pub async fn with_unread(unread: Duration) -> Self {
        let mut cluster = Self::start().await;
        cluster.stop().await;
        cluster.unread = unread;
        cluster.resume().await;
        cluster
    }

    /// A cluster whose store is a real etcd.
    pub async fn on_etcd() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let etcd = ChildEtcd::start(ChildOptions {
            durability: Durability::Fast,
            ..ChildOptions::new(directory.path())
        })
        .await
        .unwrap();
        let options = EtcdOptions {
            endpoints: vec![etcd.endpoint().to_owned()],
            prefix: "/weft/".to_owned(),
            ..EtcdOptions::default()
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut cluster = Self {
            store: Store::connect(&options).await.unwrap(),
            etcd: Some((etcd, directory)),
            policy: Policy::default(),
            keepsake: Keepsake::default(),
            unread: UNREAD,
            running: None,
            address: watch::Sender::new(nowhere),
        };
        cluster.resume().await;
        cluster
    }

    /// Stops or wakes the etcd of the cluster.
    pub fn signal_etcd(&self, signal: Signal) {
        let (etcd, _) = self.etcd.as_ref().unwrap();
        let pid = Pid::from_raw(i32::try_from(etcd.pid()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Stops the controller, then its etcd.
    pub async fn end(mut self) {
        self.stop().await;
        if let Some((etcd, _directory)) = self.etcd.take() {
            etcd.stop().await;
        }
    }

    /// What a backup of the store would have now; the controller must not run.
    pub fn backup(&self) -> Store {
        assert!(self.running.is_none());
        self.store.backup().unwrap()
    }

    /// Puts a backup in the store's place; the controller must not run.
    pub fn restore(&mut self, backup: Store) {
        assert!(self.running.is_none());
        self.store = backup;
    }

    /// Forgets what the controller remembers of the store, as a new machine does.
    pub fn forget_store(&mut self) {
        self.keepsake = Keepsake::default();
    }

    /// Starts a controller on the store, and waits until it leads.
    pub async fn resume(&mut self) {
        let stop = CancellationToken::new();
        let listener = server::listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            policy: self.policy.clone(),
            keepsake: self.keepsake.clone(),
            unread: self.unread,
            lease: Duration::from_secs(2),
            ..Settings::of("tests", address.to_string())
        };
        let member = Member::open(self.store.clone(), settings, stop.clone())
            .await
            .unwrap();
        let serve = server::serve(listener, member.desk(), member.gate(), stop.clone());
        let served = tokio::spawn(async move { serve.await.unwrap() });
        let desk = member.desk();
        self.running = Some(Running {
            stop,
            member,
            served,
        });
        until("the controller leads", || desk.port().is_ok().then_some(())).await;
        self.address.send_replace(address);
    }

    /// How often the store was written: its revision, which every write raises by one.
    pub async fn written(&self) -> u64 {
        self.store.draft().await.unwrap().version.0
    }

    /// How many keys the store has, without the audit, which keeps more than tests make of it.
    pub async fn keys(&self) -> usize {
        let page = self.store.kv().all("", Want::Keys, None).await.unwrap();
        let keys = page.entries.iter().map(|entry| entry.key.as_str());
        keys.filter(|key| !key.starts_with(AUDIT)).count()
    }

    /// Another controller on the same store; it does not lead while the first one does.
    pub async fn second(&self) -> Self {
        let stop = CancellationToken::new();
        let listener = server::listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings::of("second", address.to_string());
        let member = Member::open(self.store.clone(), settings, stop.clone())
            .await
            .unwrap();
        let serve = server::serve(listener, member.desk(), member.gate(), stop.clone());
        let served = tokio::spawn(async move { serve.await.unwrap() });
        Self {
            store: self.store.clone(),
            etcd: None,
            policy: self.policy.clone(),
            keepsake: Keepsake::default(),
            unread: UNREAD,
            running: Some(Running {
                stop,
                member,
                served,
            }),
            address: watch::Sender::new(address),
        }
    }

    /// Stops the controller in order.
    pub async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.cancel();
        running.member.close().await;
        running.served.await.unwrap();
    }

    /// An agent of this cluster, once it is connected.
    pub async fn agent(&self, name: &'static str, number: u8, script: Script) -> Agent {
        let agent = Agent::start(name, number, script, self.address.subscribe());
        self.connected(name).await;
        agent
    }

    /// Three agents that obey.
    pub async fn three(&self) -> [Agent; 3] {
        [
            self.agent("n1", 1, Script::Obey).await,
            self.agent("n2", 2, Script::Obey).await,
            self.agent("n3", 3, Script::Obey).await,
        ]
    }

    /// Waits until a node's agent is connected.
    pub async fn connected(&self, name: &str) -> v1::NodeView {
        self.node_when(name, |node| node.connected).await
    }

    /// A node, once it is so.
    pub async fn node_when(
        &self,
        name: &str,
        wanted: impl Fn(&v1::NodeView) -> bool,
    ) -> v1::NodeView {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let request = v1::GetNodeRequest {
                node: name.to_owned(),
            };
            let found = self.nodes().await.get(request).await;
            if let Ok(node) = &found
                && wanted(node.get_ref())
            {
                return found.unwrap().into_inner();
            }
            assert!(tokio::time::Instant::now() < deadline, "{name}: {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn channel(&self) -> Channel {
        let address = *self.address.borrow();
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
        endpoint.unwrap().connect().await.unwrap()
    }

    pub async fn objects(&self) -> ObjectsClient<Channel> {
        ObjectsClient::new(self.channel().await)
    }

    /// The same, on a connection that takes hardly more than is read of it.
    pub async fn objects_unread(&self) -> ObjectsClient<Channel> {
        let address = *self.address.borrow();
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
        let narrow = endpoint.unwrap().initial_stream_window_size(1_000);
        ObjectsClient::new(narrow.connect().await.unwrap())
    }

    pub async fn revisions(&self) -> RevisionsClient<Channel> {
        RevisionsClient::new(self.channel().await)
    }

    pub async fn rollouts(&self) -> RolloutsClient<Channel> {
        RolloutsClient::new(self.channel().await)
    }

    pub async fn whole(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel().await)
    }

    /// Who did what, newest first.
    pub async fn audits(&self) -> Vec<Audit> {
        self.store.audits(100).await.unwrap()
    }

    pub async fn nodes(&self) -> NodesClient<Channel> {
        NodesClient::new(self.channel().await)
    }

    /// Puts objects into the draft.
    pub async fn put(
        &self,
        objects: impl IntoIterator<Item = v1::Object>,
    ) -> Result<v1::ApplyResponse, Status> {
        let request = v1::ApplyRequest {
            put: objects.into_iter().collect(),
            ..v1::ApplyRequest::default()
        };
        let answer = self.objects().await.apply(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Deletes an object from the draft.
    pub async fn delete(&self, kind: v1::Kind, name: &str) -> Result<v1::ApplyResponse, Status> {
        let request = v1::ApplyRequest {
            delete: vec![v1::Deletion {
                key: Some(key(kind, name)),
                version: 0,
            }],
            ..v1::ApplyRequest::default()
        };
        let answer = self.objects().await.apply(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// One object.
    pub async fn get(&self, kind: v1::Kind, name: &str) -> Result<v1::Object, Status> {
        let request = v1::GetRequest {
            key: Some(key(kind, name)),
        };
        let answer = self.objects().await.get(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Starts a rollout of the draft.
    pub async fn roll_out(&self) -> Result<v1::Rollout, Status> {
        self.start_with(v1::StartRequest {
            author: "ada".to_owned(),
            ..v1::StartRequest::default()
        })
        .await
    }

    /// Starts a rollout.
    pub async fn start_with(&self, request: v1::StartRequest) -> Result<v1::Rollout, Status> {
        let answer = self.rollouts().await.start(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// A rollout, once it is so; zero is the newest.
    pub async fn rollout_when(
        &self,
        rollout: u64,
        wanted: impl Fn(&v1::Rollout) -> bool,
    ) -> v1::Rollout {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let request = v1::GetRolloutRequest { rollout };
            let found = self
                .rollouts()
                .await
                .get(request)
                .await
                .unwrap()
                .into_inner();
            if wanted(&found) {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "{found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A rollout, once it is over.
    pub async fn closed(&self, rollout: u64) -> v1::Rollout {
        self.rollout_when(rollout, |it| it.phase == "Closed").await
    }

    /// Rolls the draft out to its end.
    pub async fn live(&self) -> v1::Rollout {
        let started = self.roll_out().await.unwrap();
        let closed = self.closed(started.rollout).await;
        assert_eq!(closed.decision, "commit", "{closed:?}");
        closed
    }
}

/// Waits until something is there.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Names an object.
pub fn key(kind: v1::Kind, name: &str) -> v1::ObjectKey {
    v1::ObjectKey {
        kind: kind.into(),
        name: name.to_owned(),
    }
}

fn object(name: &str, spec: v1::object::Spec) -> v1::Object {
    v1::Object {
        metadata: Some(v1::Metadata {
            name: name.to_owned(),
            ..v1::Metadata::default()
        }),
        spec: Some(spec),
        status: None,
    }
}

/// A vxlan zone on all nodes.
pub fn zone(name: &str) -> v1::Object {
    object(
        name,
        v1::object::Spec::Zone(v1::ZoneSpec {
            r#type: "vxlan".to_owned(),
            ..v1::ZoneSpec::default()
        }),
    )
}

/// A vxlan zone on some nodes.
pub fn zone_on(name: &str, nodes: &[&str]) -> v1::Object {
    object(
        name,
        v1::object::Spec::Zone(v1::ZoneSpec {
            r#type: "simple".to_owned(),
            nodes: Some(v1::NodeSelector {
                names: nodes.iter().map(ToString::to_string).collect(),
                ..v1::NodeSelector::default()
            }),
            ..v1::ZoneSpec::default()
        }),
    )
}

/// A controller of type evpn on all nodes, with these neighbors.
pub fn evpn_controller(name: &str, peers: &[&str]) -> v1::Object {
    object(
        name,
        v1::object::Spec::Controller(v1::ControllerSpec {
            r#type: "evpn".to_owned(),
            evpn: Some(v1::EvpnController {
                asn: 65000,
                peers: peers.iter().map(ToString::to_string).collect(),
                ..v1::EvpnController::default()
            }),
            ..v1::ControllerSpec::default()
        }),
    )
}

/// A zone of type evpn on all nodes.
pub fn evpn_zone(name: &str, controller: &str) -> v1::Object {
    object(
        name,
        v1::object::Spec::Zone(v1::ZoneSpec {
            r#type: "evpn".to_owned(),
            evpn: Some(v1::EvpnZone {
                vrf_vni: 9_000,
                controllers: vec![controller.to_owned()],
                ..v1::EvpnZone::default()
            }),
            ..v1::ZoneSpec::default()
        }),
    )
}

/// A vnet in a vxlan zone.
pub fn vnet(name: &str, zone: &str, tag: u32) -> v1::Object {
    object(
        name,
        v1::object::Spec::Vnet(v1::VnetSpec {
            zone: zone.to_owned(),
            tag: Some(tag),
            ..v1::VnetSpec::default()
        }),
    )
}

/// A vnet in a simple zone.
pub fn plain_vnet(name: &str, zone: &str) -> v1::Object {
    object(
        name,
        v1::object::Spec::Vnet(v1::VnetSpec {
            zone: zone.to_owned(),
            ..v1::VnetSpec::default()
        }),
    )
}

/// The code of an error, with the fields that it names.
pub fn fields(status: &Status) -> (Code, Vec<String>) {
    let details = status.get_error_details();
    let named = details.bad_request().map(|bad| {
        let fields = bad.field_violations.iter();
        fields.map(|field| field.field.clone()).collect()
    });
    (status.code(), named.unwrap_or_default())
}

/// How far each participant is.
pub fn states(rollout: &v1::Rollout) -> Vec<(&str, &str)> {
    let states = rollout.nodes.iter();
    states
        .map(|node| (node.node.as_str(), node.state.as_str()))
        .collect()
}
