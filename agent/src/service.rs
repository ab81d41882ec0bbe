//! Runs the agent as a service: rights, signals, and what systemd is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weft_model::name::NodeName;
use weft_node::session::journal::BootId;

use crate::connect::Controller;
use crate::dataplane;
use crate::frr;
use crate::kernel::Places;
use crate::ledger::error::LedgerError;
use crate::ledger::lock;
use crate::options::{Options, OptionsError};
use crate::probe::Probes;
use crate::session::neighbors::Neighbors;
use crate::session::routing::Sight;
use crate::session::{self, Memory, Pulse, Settings, Surroundings, clock};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How long an agent that starts waits for the watchdog to be done with the ledger, and how often
/// it looks. The watchdog takes less, but for a kernel that refuses to go back.
const TAKEN_LIMIT: Duration = Duration::from_secs(30);
const TAKEN_PAUSE: Duration = Duration::from_millis(100);

/// The bit of CAP_NET_ADMIN in a set of capabilities (linux/capability.h).
const CAP_NET_ADMIN: u32 = 12;

/// A service whose options go together.
#[derive(Debug)]
pub struct Service {
    node: NodeName,
    controllers: Vec<Controller>,
    state_dir: PathBuf,
    openvswitch: PathBuf,
    frr: frr::Settings,
    probes: Probes,
}

impl Service {
    /// Takes what the command line says.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn check(options: &Options) -> Result<Self, OptionsError> {
        Ok(Self {
            node: options.service.node()?,
            controllers: options.service.controllers()?,
            state_dir: options.state_dir.clone(),
            openvswitch: options.openvswitch.clone(),
            frr: options.frr(),
            probes: Probes::new(&options.service.probe_dir),
        })
    }

    /// Runs until a signal says stop.
    ///
    /// # Errors
    /// When the agent lacks a right, or cannot go on.
    pub async fn run(self) -> Result<()> {
        for controller in self.controllers.iter().filter(|it| !it.is_local()) {
            warn!(%controller, "--insecure: what is said to this controller can be read and changed");
        }
        demand_rights()?;
        let boot = boot()?;
        let memory = remember(&self.state_dir).await?;
        let _signature = lock::sign(&self.state_dir)
            .context("cannot let the watchdog see that this is the agent")?;
        let neighbors = Neighbors {
            run: Some(self.frr.run.clone()),
            note: Some(self.state_dir.join("sessions.json")),
        };
        let sight = Sight {
            run: Some(self.frr.run.clone()),
            ..Sight::default()
        };
        let places = Places {
            switch: self.openvswitch.clone(),
            state: Some(self.state_dir.clone()),
            frr: Some(self.frr),
        };
        let opened = dataplane::open_at(memory.cluster(), places).await?;
        // A data plane that is gone is found out by whoever asks it next.
        let _ = opened.dataplane.heed(self.state_dir.clone()).await;
        let stop = CancellationToken::new();
        let retry = Arc::new(Notify::new());
        watch_signals(stop.clone(), Arc::clone(&retry))?;
        let (ready, is_ready) = oneshot::channel();
        let settings = Settings {
            node: self.node,
            controllers: self.controllers,
            boot,
            ready,
            pulse: sd_notify::watchdog_enabled().map(|limit| Pulse {
                every: limit / 2,
                beat: Box::new(|| tell_systemd(&[NotifyState::Watchdog])),
            }),
            retry,
            surroundings: Surroundings {
                probes: self.probes,
                neighbors,
                sight,
                ..Surroundings::default()
            },
        };
        tokio::spawn(async move {
            if is_ready.await.is_ok() {
                tell_systemd(&[NotifyState::Ready]);
            }
        });
        session::run(settings, memory, opened, stop).await?;
        Ok(())
    }
}

/// The boot of this host.
///
/// # Errors
/// When the kernel does not name it.
pub(crate) fn boot() -> Result<BootId> {
    clock::boot_id(Path::new(BOOT_ID))
        .with_context(|| format!("cannot read the host's boot id from {BOOT_ID}"))
}

/// Opens the ledger. Whoever has it and is no agent, is done with it before long: the watchdog,
/// which undoes a change that an agent left behind.
async fn remember(state_dir: &Path) -> Result<Memory, LedgerError> {
    let give_up = Instant::now() + TAKEN_LIMIT;
    loop {
        match Memory::open(state_dir) {
            Err(LedgerError::Busy { .. })
                if Instant::now() < give_up && matches!(lock::holder(state_dir), Ok(None)) =>
            {
                tokio::time::sleep(TAKEN_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Refuses to start without the one right that everything needs.
///
/// # Errors
/// When the process may not change networks, or that cannot be found out.
pub fn demand_rights() -> Result<()> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .context("cannot find the capabilities in /proc/self/status")?;
    if effective >> CAP_NET_ADMIN & 1 == 0 {
        bail!(
            "the agent lacks CAP_NET_ADMIN: start it as a service with \
             AmbientCapabilities=CAP_NET_ADMIN, or as root"
        );
    }
    Ok(())
}

fn watch_signals(stop: CancellationToken, retry: Arc<Notify>) -> Result<()> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            // A signal that arrives meanwhile is kept by its listener.
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => retry.notify_one(),
            }
        }
        tell_systemd(&[NotifyState::Stopping]);
        stop.cancel();
    });
    Ok(())
}

/// Does nothing where no systemd asked for it.
pub(crate) fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "cannot tell systemd");
    }
}
