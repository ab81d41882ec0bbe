//! One situation: a folder with the peer's files, and what its node must end with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use weft_tests::{exec, programs};

/// The zone types that this version builds, as folders of situations begin with them.
const TYPES: [&str; 5] = ["simple-", "vlan-", "qinq-", "vxlan-", "evpn-"];

/// A situation in which an administrator's own lines of FRR's contradict what the zone says.
const CONTRADICTING: &str = "evpn-frr_local_merge";

/// The node whose files and facts a situation has.
const NODE: &str = "localhost";

/// A situation.
pub struct Case {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What the node must end with.
    pub expected: Value,
}

/// Where the situations are.
pub fn folder() -> PathBuf {
    let shared = std::env::var_os("WEFT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    shared.join("pve-cases")
}

/// Every situation that can be had, by name; `None` where there are none.
pub fn all() -> Option<Vec<Case>> {
    let entries = std::fs::read_dir(folder()).ok()?;
    let folders = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<Case> = folders.filter_map(read).collect();
    cases.retain(|case| case.name != CONTRADICTING);
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    (!cases.is_empty()).then_some(cases)
}

/// The situation that contradicts itself; `None` where there is none.
pub fn contradicting() -> Option<Case> {
    let folder = folder().join(CONTRADICTING);
    folder.exists().then(|| read(folder)).flatten()
}

fn read(folder: PathBuf) -> Option<Case> {
    let name = folder.file_name()?.to_str()?.to_owned();
    TYPES.iter().any(|it| name.starts_with(it)).then(|| {
        let expected = std::fs::read_to_string(folder.join("expect.json")).unwrap();
        Case {
            name,
            folder,
            expected: serde_json::from_str(&expected).unwrap(),
        }
    })
}

impl Case {
    /// Whether its zones are VLANs of a bridge that the host has.
    pub fn is_tagged(&self) -> bool {
        ["vlan-", "qinq-"]
            .iter()
            .any(|it| self.name.starts_with(it))
    }

    /// Whether its zones have routing domains, and FRR.
    pub fn is_routed(&self) -> bool {
        self.name.starts_with("evpn-")
    }

    /// What `weftctl plan` prints for the situation.
    pub fn weftctl(&self, arguments: &[&str]) -> Value {
        let text = self.planned(arguments).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The same, where it may be refused.
    pub fn planned(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(program());
        command.args(["plan", "--node", NODE, "--from-pve"]);
        exec::run(command.arg(&self.folder).args(arguments))
    }

    /// The interfaces of the node that fabrics are on.
    pub fn cables(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("fabrics.cfg")).unwrap_or_default();
        let of_node = text.split("\n\n").filter(|section| {
            let header = section.trim_start().lines().next().unwrap_or_default();
            header.ends_with(&format!("_{NODE}"))
        });
        let lines = of_node.flat_map(str::lines).map(str::trim);
        let names = lines.filter_map(|line| line.strip_prefix("interfaces name="));
        let names = names.filter_map(|it| it.split(',').next());
        names.map(str::to_owned).collect()
    }

    /// The `address` and `gateway` lines of the node's own bridge.
    pub fn host_lines(&self, option: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("interfaces")).unwrap();
        let lines = text.lines().map(str::trim);
        let values = lines.filter_map(|line| line.strip_prefix(option)?.split_whitespace().next());
        values.map(str::to_owned).collect()
    }
}

/// weftctl where cargo put it; it is built when it is not there.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        programs::path("weftctl").unwrap_or_else(|_| {
            let own = std::env::current_exe().unwrap();
            // The test is in TARGET/PROFILE/deps.
            let target = own.ancestors().nth(3).unwrap();
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--quiet", "--package", "weftctl", "--target-dir"]);
            exec::run(cargo.arg(target)).unwrap();
            target.join("debug").join("weftctl")
        })
    })
}
