//! One host: a network namespace, and a thread in it on which everything asynchronous runs.

use std::process::Command;
use std::time::Duration;

use weft_agent::dataplane::{self, Opened};
use weft_agent::kernel::Kernel;
use weft_model::plan::NodePlan;
use weft_model::revision::ClusterId;
use weft_node::driver::Driver;
use weft_node::own::Owner;
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_tests::exec;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;

/// A host of its own.
pub struct Host {
    pub namespace: Namespace,
    _lab: Lab,
}

impl Host {
    /// A host with nothing but a loopback.
    pub fn new(role: &str) -> Self {
        let lab = Lab::new().unwrap();
        let namespace = Namespace::create(&lab, role).unwrap();
        Self {
            namespace,
            _lab: lab,
        }
    }

    /// Runs `work` on a thread inside, with a runtime whose threads are inside too.
    pub fn run(&self, work: impl AsyncFnOnce(&Self) + Send) {
        self.namespace.inside(async || work(self).await).unwrap();
    }

    fn cluster() -> ClusterId {
        ClusterId::from_bytes([0xab; 16])
    }

    pub fn owner(&self) -> Owner {
        Owner::new(Self::cluster())
    }

    /// Opens the data plane; to be called inside.
    pub async fn open(&self) -> Opened {
        dataplane::open(Some(Self::cluster())).await.unwrap()
    }

    /// Makes a plan true without the data plane's loop.
    pub async fn reach(&self, kernel: &mut Kernel, want: &NodePlan) {
        for _ in 0..3 {
            let steps = plan(&self.owner(), want, kernel.seen(), &Scope::All).steps;
            assert_eq!(kernel.perform(&steps).await, []);
            kernel.look().await.unwrap();
        }
        let left = plan(&self.owner(), want, kernel.seen(), &Scope::All);
        assert_eq!(left.steps, []);
    }

    /// Waits until no more events come of something that happened.
    pub async fn settled(&self, opened: &mut Opened) {
        let quiet = Duration::from_millis(200);
        while let Ok(Some(_)) = tokio::time::timeout(quiet, opened.events.recv()).await {}
    }

    /// Waits until no address is still being probed: they change by themselves then.
    pub fn wait_for_addresses(&self) {
        for _ in 0..100 {
            let up = self.ip("-o link show up").lines().count();
            let addresses = self.ip("-6 -o address show");
            let on = addresses.lines().filter(|line| line.contains("scope link"));
            if !addresses.contains("tentative") && on.count() + 1 >= up {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("addresses are still being probed");
    }

    pub fn ip(&self, words: &str) -> String {
        self.namespace.ip(words).unwrap()
    }

    pub fn batch(&self, lines: &str) {
        self.namespace.batch(&format!("{lines}\n")).unwrap();
    }

    pub fn nft(&self, words: &str) -> String {
        exec::run(self.namespace.command("nft").arg(words)).unwrap()
    }

    /// What is in use, as text, without what a device that is made anew does not get back.
    pub fn in_use(&self) -> Vec<String> {
        let doomed = |line: &str| {
            line.split_whitespace()
                .skip_while(|word| *word != "group")
                .nth(1)
                .and_then(|group| group.parse().ok())
                .is_some_and(weft_node::own::is_doomed)
        };
        let links =
            exec::run(Command::new("ip").args(["-n", self.namespace.name(), "-o", "-d", "link"]))
                .unwrap();
        let mut text: Vec<String> = links
            .lines()
            .filter(|line| !doomed(line))
            .map(kept)
            .collect();
        text.sort();
        for words in ["-o address show scope global", "-4 route show table all"] {
            let mut lines: Vec<String> = self.ip(words).lines().map(kept).collect();
            lines.sort();
            text.extend(lines);
        }
        text
    }
}

/// A line of `ip` without numbers, made-up addresses and clocks.
fn kept(line: &str) -> String {
    let dropped = [
        "link/ether",
        "gc_timer",
        "hello_timer",
        "tcn_timer",
        "topology_change_timer",
        "hold_timer",
        "message_age_timer",
        "forward_delay_timer",
        "bridge_id",
        "designated_root",
        "designated_bridge",
        "designated_port",
        "port_id",
        "port_no",
        "state",
        "topology_change",
        "root_port",
        "root_path_cost",
        "cost",
        "qlen",
        "gso_max_size",
        "gso_max_segs",
        "tso_max_size",
        "tso_max_segs",
        "gro_max_size",
    ];
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.trim_end_matches(':').parse::<u32>().is_ok());
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if dropped.contains(&word) {
            words.next();
        } else if word.starts_with('<') {
            // Without the carrier, which comes and goes a moment later.
            kept.push(if word.contains(",UP") { "up" } else { "down" });
        } else if word != "linkdown" {
            kept.push(word);
        }
    }
    kept.join(" ")
}
