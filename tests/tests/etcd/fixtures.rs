//! Stores to test, and things to put into them.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use weft_controller::etcd::{ChildEtcd, ChildOptions, Durability};
use weft_controller::leader::{Candidate, Election};
use weft_controller::store::Store;
use weft_controller::store::draft::{Batch, Change, Origin};
use weft_controller::store::options::EtcdOptions;
use weft_controller::store::write::{Audit, Fence};
use weft_model::object::{Kind, Object, ObjectKey};
use weft_model::revision::Timestamp;

/// A store, and what it lives in.
pub struct World {
    pub store: Store,
    home: Option<(ChildEtcd, TempDir)>,
}

impl World {
    pub fn memory() -> Self {
        Self {
            store: Store::memory(),
            home: None,
        }
    }

    pub async fn etcd() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = child(&directory, None).await;
        Self {
            store: connect(&child).await,
            home: Some((child, directory)),
        }
    }

    /// The same store as another controller has it.
    pub async fn other(&self) -> Store {
        match &self.home {
            Some((child, _)) => connect(child).await,
            None => self.store.clone(),
        }
    }
}

pub async fn child(directory: &TempDir, port: Option<u16>) -> ChildEtcd {
    let options = ChildOptions {
        port,
        durability: Durability::Fast,
        ..ChildOptions::new(directory.path())
    };
    ChildEtcd::start(options).await.unwrap()
}

pub async fn connect(child: &ChildEtcd) -> Store {
    let options = EtcdOptions {
        endpoints: vec![child.endpoint().to_owned()],
        prefix: "/weft/".to_owned(),
        ..EtcdOptions::default()
    };
    Store::connect(&options).await.unwrap()
}

/// The shortest lease that etcd grants is two seconds.
pub const LEASE: Duration = Duration::from_secs(3);

/// A controller that leads.
pub struct Leader {
    pub election: Election,
    pub fence: Fence,
}

pub async fn lead(store: &Store, name: &str) -> Leader {
    let candidate = Candidate {
        name: name.to_owned(),
        address: format!("http://{name}"),
    };
    let election = Election::start(store.clone(), candidate, LEASE);
    let mut leadership = election.leadership();
    let now = leadership.wait_for(|now| now.fence().is_some()).await;
    let fence = now.unwrap().fence().unwrap().clone();
    Leader { election, fence }
}

pub fn zone(name: &str) -> Object {
    let zone = json!({"metadata": {"name": name}, "spec": {"type": "simple"}});
    Object::Zone(serde_json::from_value(zone).unwrap())
}

pub fn vnet(name: &str, tag: u32) -> Object {
    let vnet = json!({"metadata": {"name": name}, "spec": {"zone": "z1", "tag": tag}});
    Object::Vnet(serde_json::from_value(vnet).unwrap())
}

/// As many vnets as asked for, all with the tag.
pub fn vnets(count: usize, tag: u32) -> Vec<Object> {
    (0..count)
        .map(|n| vnet(&format!("vnet{n:05}"), tag))
        .collect()
}

pub fn key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Vnet, name)
}

pub fn audit(action: &str) -> Audit {
    Audit {
        at: Timestamp(1_700_000_000_000),
        author: "ada".to_owned(),
        action: action.to_owned(),
        detail: String::new(),
    }
}

pub fn put(object: Object) -> Change {
    Change::Put {
        object,
        expected: None,
    }
}

pub fn delete(key: ObjectKey) -> Change {
    Change::Delete {
        key,
        expected: None,
    }
}

pub fn batch(changes: impl IntoIterator<Item = Change>) -> Batch {
    Batch {
        changes: changes.into_iter().collect(),
        basis: None,
        audit: audit("apply"),
        origin: Origin::Person,
        idempotency: None,
    }
}
