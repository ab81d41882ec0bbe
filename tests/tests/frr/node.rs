//! A node with FRR, and plans for it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use weft_agent::dataplane::{self, Dataplane, Opened};
use weft_agent::frr::Settings;
use weft_agent::kernel::Places;
use weft_model::plan::frr::Frr as FrrEntry;
use weft_model::plan::{Entry, NodePlan};
use weft_model::revision::ClusterId;
use weft_tests::frr::{Frr, Release};
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;

/// A node of its own.
pub struct Node {
    pub namespace: Namespace,
    pub frr: Frr,
    kept: PathBuf,
}

impl Node {
    /// A node with these daemons of FRR.
    pub fn new(lab: &Lab, role: &str, daemons: &[&str]) -> Self {
        Self::of(Release::Machine, lab, role, daemons)
    }

    /// A node with these daemons of this FRR.
    pub fn of(release: Release, lab: &Lab, role: &str, daemons: &[&str]) -> Self {
        let namespace = Namespace::create(lab, role).unwrap();
        let frr = Frr::start_of(release, lab, &namespace, daemons).unwrap();
        let kept = lab.folder().join(format!("{role}.frr.json"));
        Self {
            namespace,
            frr,
            kept,
        }
    }

    /// Opens a data plane inside, on threads of its own.
    pub fn open(&self) -> Opened {
        let cluster = Some(ClusterId::from_bytes([0xab; 16]));
        let settings = Settings {
            run: self.frr.run().to_owned(),
            file: self.frr.file(),
            kept: self.kept.clone(),
            vtysh: self.frr.shell().to_owned(),
        };
        let places = Places {
            switch: PathBuf::from("/nonexistent"),
            frr: Some(settings),
            ..Places::default()
        };
        let opened = self
            .namespace
            .inside(async || dataplane::open_at(cluster, places).await);
        opened.unwrap().unwrap()
    }

    /// What all daemons have, without the sections that FRR keeps when nothing is left in them.
    pub fn running(&self) -> String {
        let text = self.frr.vtysh(&["show running-config"]).unwrap();
        let is_empty = |part: &&str| {
            let lines: Vec<&str> = part.lines().filter(|line| !line.is_empty()).collect();
            matches!(lines[..], [header, "exit"] if header == "bfd" || header.starts_with("interface "))
                || matches!(lines[..], [header, "exit-vrf"] if header.starts_with("vrf "))
        };
        let parts: Vec<&str> = text.split("\n!").filter(|part| !is_empty(part)).collect();
        parts.join("\n!")
    }
}

/// Makes a plan true.
pub async fn apply(dataplane: &Dataplane, plan: &NodePlan) -> u32 {
    dataplane.apply(Arc::new(plan.clone())).await.unwrap().steps
}

/// A plan of these stanzas.
pub fn plan(stanzas: &[Value]) -> NodePlan {
    let entry = |stanza: &Value| {
        let frr = json!({ "origin": { "zone": "prod" }, "stanza": stanza });
        Entry::Frr(serde_json::from_value::<FrrEntry>(frr).unwrap())
    };
    stanzas.iter().map(entry).collect()
}
