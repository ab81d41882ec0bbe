//! The controller's process: options in, services up, and down again in order.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use weft_controller::api::server;
use weft_controller::engine::keepsake::Keepsake;
use weft_controller::etcd::{ChildEtcd, ChildOptions};
use weft_controller::leader::forget_the_dead;
use weft_controller::log;
use weft_controller::member::{Member, Settings};
use weft_controller::options::Options;
use weft_controller::store::Store;

/// How long requests that are being answered may take to end once the process is told to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// How long etcd may take to be reachable at the start: longer than it takes to elect a leader.
const STORE_LIMIT: Duration = Duration::from_secs(60);

/// What a wrong command line or unusable option gives, as clap gives it too.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = log::start(options.log_format, &options.log) {
        eprintln!("weft-controller: {}", log::Chain(&error));
        return ExitCode::from(USAGE);
    }
    if let Err(error) = options.check() {
        eprintln!("weft-controller: {}", log::Chain(&error));
        return ExitCode::from(USAGE);
    }
    match runtime().and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "stopped");
            eprintln!("weft-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ten thousand commands that are sent at once wake more tasks than a thread's own queue takes, and
/// the others wait in the common one. Unless that is looked at often, the answers of the first
/// nodes, which come in by the threads' own queues, keep the commands from the last nodes. For the
/// same reason what comes in is looked for seldom while there is other work; a thread without work
/// waits for nothing else.
fn runtime() -> anyhow::Result<Runtime> {
    /// From the common queue every third task.
    const COMMON_QUEUE: u32 = 3;
    /// For what comes in after so many tasks: some tens of milliseconds.
    const INCOMING: u32 = 4_096;
    Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(COMMON_QUEUE)
        .event_interval(INCOMING)
        .build()
        .context("cannot start the threads")
}

async fn run(options: Options) -> anyhow::Result<()> {
    if options.is_exposed() {
        warn!(
            listen = %options.listen,
            "whoever reaches this address can change every node: connections are neither \
             encrypted nor authenticated"
        );
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;

    let listener = server::listen(options.listen).await?;
    let address = listener
        .local_addr()
        .context("cannot read the own address")?;
    let name = options.name()?;

    let mut child = None;
    let mut etcd = options.etcd.clone();
    if etcd.endpoints.is_empty() {
        let directory = options.state_dir.join("etcd");
        let started = ChildEtcd::start(ChildOptions::new(directory)).await?;
        info!(endpoint = started.endpoint(), "etcd of our own started");
        etcd.endpoints = vec![started.endpoint().to_owned()];
        child = Some(started);
    }
    let store = tokio::time::timeout(STORE_LIMIT, Store::connect(&etcd))
        .await
        .context("etcd does not answer: look at it, and at --etcd")??;
    if child.is_some() {
        forget_the_dead(&store).await?;
    }

    let stop = CancellationToken::new();
    let settings = Settings {
        lease: Duration::from_secs(options.leader_lease.into()),
        policy: options.rollouts.policy(),
        keepsake: Keepsake::of(&options.state_dir),
        ..Settings::of(&name, address.to_string())
    };
    let member = Member::open(store, settings, stop.clone()).await?;
    let mut served = tokio::spawn(server::serve(
        listener,
        member.desk(),
        member.gate(),
        stop.clone(),
    ));
    info!(%name, listen = %address, version = env!("CARGO_PKG_VERSION"), "ready");
    notify(NotifyState::Ready);

    // Cancel-safe: whichever ends first, the process stops; nothing is resumed.
    let cause = tokio::select! {
        _ = terminate.recv() => "SIGTERM".to_owned(),
        _ = interrupt.recv() => "SIGINT".to_owned(),
        ended = &mut served => match ended {
            Ok(Ok(())) => "the listener ended".to_owned(),
            Ok(Err(error)) => log::Chain(&error).to_string(),
            Err(error) => error.to_string(),
        },
        ended = exited(&mut child) => format!("etcd of our own ended: {ended}"),
    };
    info!(%cause, "stopping");
    notify(NotifyState::Stopping);
    stop.cancel();
    member.close().await;
    if tokio::time::timeout(DRAIN, &mut served).await.is_err() {
        warn!("requests were still being answered");
        served.abort();
    }
    if let Some(child) = child {
        child.stop().await;
    }
    info!("stopped");
    if cause.starts_with("SIG") {
        Ok(())
    } else {
        anyhow::bail!(cause)
    }
}

async fn exited(child: &mut Option<ChildEtcd>) -> String {
    match child {
        Some(child) => child.exited().await,
        None => std::future::pending().await,
    }
}

/// Without systemd there is nobody to tell, which is no error.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "systemd cannot be told");
    }
}
