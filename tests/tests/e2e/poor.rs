//! A node whose kernel is a poor one: the agent's own code, with a kernel in memory that lacks what
//! the scenario says.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Result;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use weft_agent::connect::Controller;
use weft_agent::dataplane;
use weft_agent::fake::{Fake, FakeDriver};
use weft_agent::session::{self, Memory, Settings, Surroundings, clock};
use weft_model::facts::{Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_tests::cluster::Cluster;

/// An agent that runs in this very process, in the namespace of one of the nodes.
pub struct Poor {
    pub kernel: Fake,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Poor {
    /// Starts the agent of node `number`; `lack` takes away what its kernel lacks.
    pub fn start(cluster: &Cluster, number: usize, lack: impl FnOnce(&mut Facts)) -> Result<Self> {
        let host = cluster.host(number)?.clone();
        let kernel = Fake::new();
        let address = format!("{}/24", cluster.underlay.node(number)).parse()?;
        let link = LinkFacts {
            mtu: Some(Mtu::ETHERNET),
            addresses: [address].into(),
        };
        kernel.set_facts(|facts| {
            facts.kernel = "0.1-poor".parse().unwrap_or_default();
            facts.agent = env!("CARGO_PKG_VERSION").parse().unwrap_or_default();
            facts.links = [("eth0".parse(), link)]
                .into_iter()
                .filter_map(|(name, link)| Some((name.ok()?, link)))
                .collect();
            facts.default_ipv4 = "eth0".parse().ok();
            lack(facts);
        });
        let folder = cluster.lab().folder().join(format!("poor{number}.state"));
        let node = format!("node{number}");
        let server = cluster.server();
        let stop = CancellationToken::new();
        let (driver, stopped) = (FakeDriver::new(kernel.clone()), stop.clone());
        let thread = thread::spawn(move || {
            host.inside(async || {
                let memory = Memory::open(&folder)?;
                let (ready, _) = oneshot::channel();
                let settings = Settings {
                    node: node.parse()?,
                    controllers: vec![server.parse::<Controller>()?],
                    boot: clock::boot_id("/proc/sys/kernel/random/boot_id".as_ref())?,
                    ready,
                    pulse: None,
                    retry: Arc::new(Notify::new()),
                    surroundings: Surroundings::default(),
                };
                let opened = dataplane::open_with(driver, memory.cluster()).await;
                session::run(settings, memory, opened, stopped).await?;
                Ok(())
            })?
        });
        Ok(Self {
            kernel,
            stop,
            thread: Some(thread),
        })
    }

    /// Stops the agent; an error of its is the scenario's.
    pub fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => anyhow::bail!("the agent panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Poor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
