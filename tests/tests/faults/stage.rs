//! What every fault begins with, and how its end is judged.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, NETWORK, WEB};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::ping::Series;
use weft_tests::underlay::Underlay;
use weft_tests::{dump, ping, wait};

/// The zone that changes are made in.
const ZONE: &str = "tunnels";

/// How long a rollout may take to end after a fault: longer than the contact lease and the leader's
/// together, on a machine that has other things to do.
pub const END_LIMIT: Duration = Duration::from_secs(45);

/// The short contact lease, in seconds.
pub const LEASE: u64 = 4;

/// The times of the protocol, short enough to wait for.
const FLAGS: [&str; 4] = [
    "--keep-alive=1",
    "--prepare-limit=6",
    "--settle-limit=5",
    "--leader-lease=3",
];

/// How long nodes stand by an unconfirmed change without a word, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// For so short a time that a scenario can wait for its end.
    Short,
    /// For longer than it takes until a controller leads again and all agents are back.
    Long,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every node keeps it.
    Commit,
    /// No node keeps it.
    Abort,
}

/// A row of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub rollout: u64,
    pub phase: String,
    pub decision: String,
}

/// A cluster with two vnets live, and a ping that runs across one of them.
pub struct Stage {
    series: Series,
    // Declared before the lab: programs end before their logs are shown.
    pub cluster: Cluster,
    pub lab: Lab,
}

/// A change that adds one vnet, and what every node was before it.
pub struct Change {
    pub vnet: String,
    before: Vec<String>,
}

impl Stage {
    /// One controller with an etcd that runs by itself.
    pub fn open(contact: Contact) -> Result<Self> {
        Self::with_controllers(1, contact)
    }

    /// So many controllers on one etcd that runs by itself; the first one leads.
    pub fn with_controllers(count: usize, contact: Contact) -> Result<Self> {
        let lab = Lab::new()?;
        let cluster = Cluster::wired_for(&lab, Underlay::Ipv4, 3, count)?;
        Self::begin(lab, cluster, Etcd::External, count, contact)
    }

    /// So many controllers on an etcd of three members; the first one leads.
    pub fn with_members(count: usize, contact: Contact) -> Result<Self> {
        let lab = Lab::new()?;
        let mut cluster = Cluster::wired_for(&lab, Underlay::Ipv4, 3, count)?;
        // Members on one machine hear of each other within a millisecond.
        cluster.set_etcd_flags(&["--heartbeat-interval=50", "--election-timeout=500"]);
        Self::begin(lab, cluster, Etcd::Members, count, contact)
    }

    /// One controller with an etcd of its own.
    pub fn with_etcd_of_its_own(contact: Contact) -> Result<Self> {
        let lab = Lab::new()?;
        let cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
        Self::begin(lab, cluster, Etcd::Child, 1, contact)
    }

    /// A cluster whose nodes were prepared by the scenario, and have no agents yet.
    pub fn begin(
        lab: Lab,
        mut cluster: Cluster,
        etcd: Etcd,
        count: usize,
        contact: Contact,
    ) -> Result<Self> {
        let seconds = match contact {
            Contact::Short => LEASE,
            Contact::Long => 30,
        };
        let lease = format!("--contact-lease={seconds}");
        let flags: Vec<&str> = FLAGS.into_iter().chain([lease.as_str()]).collect();
        cluster.set_flags(&flags);
        cluster.start_etcd_as(etcd)?;
        for place in 0..count {
            cluster.start_controller_at(place)?;
            // Whoever starts next must not come first.
            wait::until("a controller to lead", END_LIMIT, || {
                let status = cluster.client(&["status"])?;
                ensure!(status.contains("Leader:    controller at"), "{status}");
                Ok(())
            })?;
        }
        cluster.start_agents()?;
        cluster.wait_for_nodes()?;
        cluster.roll_out("tunnels", &declared::tunnels(Underlay::Ipv4))?;
        let first = guest(&cluster, 1)?;
        guest(&cluster, 3)?;
        reaches(first.inside(), &address(3))?;
        wait::until("hosts to know their addresses", END_LIMIT, || {
            for node in cluster.nodes() {
                let uncertain = node.host().ip("-o address show dev eth0 tentative")?;
                ensure!(uncertain.is_empty(), "{uncertain}");
            }
            Ok(())
        })?;
        let series = Series::start(first.inside(), &address(3))?;
        Ok(Self {
            series,
            cluster,
            lab,
        })
    }

    /// Puts one more vnet into the draft.
    pub fn propose(&self, vnet: &str, tag: u32) -> Result<Change> {
        let before = self.cluster.dumps()?;
        let file = self
            .cluster
            .manifest(vnet, &declared::vnet(vnet, ZONE, tag))?;
        self.cluster
            .client(&["apply", "-f", &file.to_string_lossy()])?;
        Ok(Change {
            vnet: vnet.to_owned(),
            before,
        })
    }

    /// Runs weftctl without waiting for it.
    pub fn begin_client(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.cluster.weftctl_command(arguments)?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).spawn().context("no weftctl")
    }

    /// The newest rollout that the controller in this place knows of.
    pub fn newest_at(&self, place: usize) -> Result<Row> {
        let mut command = self
            .cluster
            .weftctl_command_at(place, &["rollout", "history", "--limit", "1"])?;
        row(&weft_tests::exec::run(&mut command)?)
    }

    /// The newest rollout.
    pub fn newest(&self) -> Result<Row> {
        self.newest_at(0)
    }

    /// Starts a rollout that a person is to confirm, within so many seconds where it is said, and
    /// waits until it is their turn.
    pub fn ask_a_person(&self, within: Option<u64>) -> Result<()> {
        let within = within.map(|seconds| format!("--confirm-within={seconds}s"));
        let mut words = vec!["rollout", "start", "--manual-confirm"];
        words.extend(within.as_deref());
        self.cluster.client(&words)?;
        self.wait_for_phase("WaitingForConfirm")
    }

    /// Waits until the newest rollout is in this phase.
    pub fn wait_for_phase(&self, phase: &str) -> Result<()> {
        wait::until(&format!("the phase {phase}"), END_LIMIT, || {
            let status = self.cluster.client(&["rollout", "status"])?;
            ensure!(status.contains(&format!(": {phase}")), "{status}");
            Ok(())
        })?;
        Ok(())
    }

    /// Waits until the newest rollout is over; returns how it ended.
    pub fn wait_for_end(&self) -> Result<(Row, End)> {
        self.wait_for_end_at(0)
    }

    /// As [`Self::wait_for_end`], as the controller in this place sees it.
    pub fn wait_for_end_at(&self, place: usize) -> Result<(Row, End)> {
        let (row, _) = wait::until("the rollout to end", END_LIMIT, || {
            let row = self.newest_at(place)?;
            ensure!(row.phase == "Closed", "{row:?}");
            Ok(row)
        })?;
        let end = match row.decision.as_str() {
            "commit" => End::Commit,
            "abort" => End::Abort,
            other => anyhow::bail!("it is closed and the decision is {other}"),
        };
        Ok((row, end))
    }

    /// Which nodes have both devices of a vnet; it is an error when one has only half of them.
    pub fn have(&self, vnet: &str) -> Result<Vec<bool>> {
        let tunnel = format!("vxlan_{vnet}");
        (1..=3)
            .map(|number| {
                let host = self.cluster.host(number)?;
                let both = [host.has_device(vnet), host.has_device(&tunnel)];
                ensure!(both[0] == both[1], "node{number} has half of {vnet}");
                Ok(both[0])
            })
            .collect()
    }

    /// Waits until just these nodes have a vnet.
    pub fn wait_until_have(&self, vnet: &str, wanted: &[bool; 3]) -> Result<()> {
        let what = format!("{vnet} on {wanted:?}");
        wait::until(&what, END_LIMIT, || {
            let have = self.have(vnet)?;
            ensure!(have == wanted, "{have:?}");
            Ok(())
        })?;
        Ok(())
    }

    /// Confirms, once the rollout waits for it.
    pub fn confirm(&self) -> Result<()> {
        wait::until("the confirmation to be taken", END_LIMIT, || {
            self.cluster.client(&["rollout", "confirm"])
        })?;
        Ok(())
    }

    /// Aborts by the controller in this place, once it leads.
    pub fn abort_at(&self, place: usize) -> Result<String> {
        let (said, _) = wait::until("the abort to be taken", END_LIMIT, || {
            let arguments = ["rollout", "abort"];
            let mut command = self.cluster.weftctl_command_at(place, &arguments)?;
            let answer = weft_tests::exec::output(&mut command)?;
            // By itself it may be over already: nodes return when nobody leads for a lease.
            let over = self.newest_at(place).is_ok_and(|row| row.phase == "Closed");
            ensure!(answer.code == Some(0) || over, "{answer:?}");
            Ok(format!("{answer:?}"))
        })?;
        Ok(said)
    }

    /// Every node's kernel is on one side of the change: on this one.
    pub fn is_everywhere(&self, change: &Change, end: End) -> Result<()> {
        let wanted = [end == End::Commit; 3];
        // What goes is destroyed a moment after it was taken apart.
        wait::until("every node to be on one side", END_LIMIT, || {
            let have = self.have(&change.vnet)?;
            ensure!(have == wanted, "{end:?}, and nodes have it: {have:?}");
            Ok(())
        })?;
        if end == End::Abort {
            let changes = dump::differences(&change.before, &self.cluster.dumps()?);
            ensure!(changes.is_empty(), "left behind: {changes:#?}");
        }
        Ok(())
    }

    /// Brings what is in the draft everywhere, which shows that nothing stands in its way any more.
    pub fn goes_on(&self, change: &Change) -> Result<()> {
        self.cluster.client(&["rollout", "start", "--wait"])?;
        self.is_everywhere(change, End::Commit)
    }

    /// The ping lost nothing; the scenario has shown what it is for.
    pub fn finish(self) -> Result<()> {
        let tally = self.series.stop()?;
        ensure!(tally.lost.is_empty(), "{tally:?}");
        self.lab.pass();
        Ok(())
    }
}

/// Waits as long as the scenario's fault is late.
pub fn late(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn guest(cluster: &Cluster, number: usize) -> Result<Guest> {
    let guest = cluster
        .guest(&format!("web{number}"), number, WEB)?
        .address(&format!("{}/24", address(number)))?;
    // Kernels look for the duplicates of addresses that they draw by themselves: nothing that a
    // host's dump before a change and one after it should have between them.
    let switch = format!("net.ipv6.conf.{}.disable_ipv6", guest.port());
    cluster.host(number)?.sysctl(&switch, "1")?;
    Ok(guest)
}

fn address(number: usize) -> String {
    format!("{NETWORK}.{number}")
}

fn reaches(from: &Namespace, to: &str) -> Result<()> {
    let limit = Duration::from_secs(10);
    wait::until("the guests to reach each other", limit, || {
        ping::once(from, to)
    })?;
    Ok(())
}

/// The columns are ROLLOUT FROM TO PHASE DECISION and others.
fn row(table: &str) -> Result<Row> {
    let line = table.lines().nth(1).context("there is no rollout")?;
    let words: Vec<_> = line.split_whitespace().collect();
    let word = |place: usize| {
        let word = words.get(place).copied();
        word.with_context(|| format!("no column {place} in {line:?}"))
    };
    Ok(Row {
        rollout: word(0)?.parse()?,
        phase: word(3)?.to_owned(),
        decision: word(4)?.to_owned(),
    })
}
