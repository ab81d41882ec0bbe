//! Following a rollout to its end, and whether what it brought is live everywhere.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;
use tonic::Code;
use weft_model::object::ObjectKey;
use weft_proto::v1;

use super::columns;
use super::get;
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::moment;
use crate::progress;
use crate::server::call::{self, Server};

/// How long to go on when nobody says otherwise.
const USUAL: &str = "10m";

/// How long to wait before watching again when the connection broke.
const PAUSE: Duration = Duration::from_millis(500);

/// Nodes report a confirmed change within this time of the rollout's end.
const SETTLING: Duration = Duration::from_secs(5);

/// More lines than these push what is important off the screen.
const MOST_LINES: usize = 20;

/// Whether and how long to wait.
#[derive(Clone, Debug, Args)]
pub struct Waiting {
    /// Wait until it is live on every node; anything else is an error
    #[arg(long)]
    pub wait: bool,
    /// How long to wait at most; the rollout itself goes on
    #[arg(long, value_name = "TIME", default_value = USUAL, value_parser = moment::duration)]
    pub timeout: Duration,
}

/// How to roll out.
#[derive(Clone, Debug, Default, Args)]
pub struct Manner {
    /// Why, for the history
    #[arg(
        short,
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub message: String,
    /// Go on without nodes that are offline; they catch up when they return
    #[arg(long)]
    pub skip_offline: bool,
    /// Roll out in waves, as counts or percent of the nodes: 1,10%,50%
    #[arg(long, value_name = "WAVES", value_delimiter = ',')]
    pub waves: Vec<String>,
    /// How many nodes apply at the same time
    #[arg(
        long,
        value_name = "NODES",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub max_parallel: u32,
    /// How long to pause between waves
    #[arg(long, value_name = "TIME", default_value = "0s", hide_default_value = true, value_parser = moment::duration)]
    pub pause_between: Duration,
    /// How long all nodes must stand by the change before it is kept; at the end each is asked once
    /// more. Left out, as the controller was told
    #[arg(long, value_name = "TIME", value_parser = moment::duration)]
    pub soak: Option<Duration>,
    /// A probe that every node must pass after the change if it does before: the name under which
    /// nodes have a program (weft-agent --probe-dir); may be given several times
    #[arg(long = "probe", value_name = "NAME", value_delimiter = ',')]
    pub probes: Vec<String>,
    /// How long a probe may take; left out, as the controller was told
    #[arg(long, value_name = "TIME", value_parser = moment::duration)]
    pub probe_limit: Option<Duration>,
    /// What to agree to: destructive takes away what guests are plugged into, split lets nodes not
    /// reach each other between waves, sessions lets routing sessions that are up now stay down
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub accept: Vec<String>,
    /// Let a person decide with weftctl rollout confirm; else all nodes return
    #[arg(long)]
    pub manual_confirm: bool,
    /// How long that person has
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "manual_confirm", value_parser = moment::duration)]
    pub confirm_within: Duration,
}

/// Publishes the draft, or takes the objects of `revision` again, and starts to roll out.
///
/// # Errors
/// When the controller refuses, or is not there.
pub async fn start(server: &Server, manner: &Manner, revision: u64) -> Outcome<v1::Rollout> {
    let seconds = |it: Duration| u32::try_from(it.as_secs()).unwrap_or(u32::MAX);
    let request = v1::StartRequest {
        revision,
        author: server.author().to_owned(),
        message: manner.message.clone(),
        manual_confirm: manner.manual_confirm,
        confirm_within_seconds: if manner.manual_confirm {
            seconds(manner.confirm_within)
        } else {
            0
        },
        skip_offline: manner.skip_offline,
        waves: manner.waves.clone(),
        max_parallel: manner.max_parallel,
        pause_between_seconds: seconds(manner.pause_between),
        soak_seconds: manner.soak.map(&seconds),
        probes: manner.probes.clone(),
        // Half a second is not none.
        probe_limit_seconds: manner.probe_limit.map_or(0, |limit| seconds(limit).max(1)),
        accept: manner.accept.clone(),
        idempotency_key: call::fresh_key(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::rollouts(channel).start(request).await }
    };
    server.call(ask).await
}

/// Says that a rollout started, or follows it to its end where `waiting` says so.
///
/// `keys` are the objects that must be live then; `None` stands for all of them.
///
/// # Errors
/// When it does not end well, or in time.
pub async fn conclude(
    server: &Server,
    rollout: v1::Rollout,
    waiting: &Waiting,
    keys: Option<&BTreeSet<ObjectKey>>,
) -> Outcome {
    let is_nothing = rollout.rollout == 0;
    if !waiting.wait {
        let line = if is_nothing {
            rollout.reason
        } else {
            format!(
                "{}; weftctl rollout watch follows it",
                progress::headline(&rollout)
            )
        };
        return console::line(&line);
    }
    let deadline = Instant::now() + waiting.timeout;
    if is_nothing {
        console::note(&rollout.reason);
    } else {
        follow(server, rollout, Some(deadline)).await?;
    }
    until_live(server, keys, deadline).await?;
    console::line(if keys.is_some() {
        "live on every node"
    } else {
        "all objects are live on every node"
    })
}

/// Follows a rollout until it is closed, and tells what becomes of it.
///
/// # Errors
/// When it is aborted, or not closed in time.
pub async fn follow(
    server: &Server,
    mut rollout: v1::Rollout,
    deadline: Option<Instant>,
) -> Outcome {
    let id = rollout.rollout;
    let mut screen = Screen::default();
    screen.show(&rollout);
    while rollout.phase != "Closed" {
        let step = watch_once(server, id, &mut rollout, &mut screen);
        let ended = match deadline {
            None => step.await,
            Some(deadline) => tokio::time::timeout_at(deadline, step).await.map_err(|_| {
                Failure::failed(format!(
                    "rollout {id} is not finished in time and goes on: weftctl rollout watch {id}"
                ))
            })?,
        };
        ended?;
    }
    screen.rest();
    if rollout.decision == "commit" {
        return Ok(());
    }
    let faults: Vec<String> = rollout.nodes.iter().flat_map(progress::faults).collect();
    // Where lines are not drawn over, each was printed when it came.
    if console::can_redraw() {
        faults.iter().for_each(|line| console::note(line));
    }
    let reason = match rollout.reason.as_str() {
        reason if faults.is_empty() && !reason.is_empty() => format!(": {}", console::safe(reason)),
        _ => String::new(),
    };
    Err(Failure::failed(format!(
        "rollout {id} was aborted, every node is as it was{reason}"
    )))
}

/// Watches until the rollout is closed or the connection breaks.
async fn watch_once(
    server: &Server,
    id: u64,
    rollout: &mut v1::Rollout,
    screen: &mut Screen,
) -> Outcome {
    let request = v1::GetRolloutRequest { rollout: id };
    let ask = |channel| async move { call::rollouts(channel).watch(request).await };
    let mut stream = match server.ask(ask).await {
        Ok(stream) => stream,
        Err(status) if may_pass(status.code()) => {
            tokio::time::sleep(PAUSE).await;
            return Ok(());
        }
        Err(status) => return Err(server.failure(&status, &[])),
    };
    loop {
        match stream.message().await {
            Ok(Some(next)) => {
                *rollout = next;
                screen.show(rollout);
                if rollout.phase == "Closed" {
                    return Ok(());
                }
            }
            // A controller that stops ends its streams; another one, or the same, goes on.
            Ok(None) => break,
            Err(status) if may_pass(status.code()) => break,
            Err(status) => return Err(server.failure(&status, &[])),
        }
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// Whether the same request may work a moment later.
pub fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::Internal
            | Code::ResourceExhausted
    )
}

/// Waits until the objects are live wherever they should be.
async fn until_live(
    server: &Server,
    keys: Option<&BTreeSet<ObjectKey>>,
    deadline: Instant,
) -> Outcome {
    let settled = (Instant::now() + SETTLING).min(deadline);
    loop {
        let request = v1::ListRequest::default();
        let listed = get::list(server, &request).await?;
        let missing = lacking(&listed, keys);
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() >= settled {
            for line in missing.iter().take(MOST_LINES) {
                console::note(line);
            }
            if let Some(more) = missing.len().checked_sub(MOST_LINES + 1) {
                console::note(&format!("and {} more objects", more + 1));
            }
            return Err(Failure::failed(
                "it is not live on every node: the nodes above catch up when they can",
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is not live where it should be, a line for each object.
fn lacking(listed: &v1::ListResponse, keys: Option<&BTreeSet<ObjectKey>>) -> Vec<String> {
    let is_meant = |object: &&v1::Object| {
        let Some(kind) = columns::kind(object) else {
            return false;
        };
        keys.is_none_or(|keys| keys.contains(&ObjectKey::new(kind, columns::name(object))))
    };
    let lack = |object: &v1::Object| {
        let status = object.status.as_ref()?;
        if status.live >= status.wanted && status.pending.is_empty() {
            return None;
        }
        let waiting: Vec<String> = status
            .nodes
            .iter()
            .filter(|node| node.state != "Live")
            .map(|node| format!("{} {}", node.node, node.state))
            .collect();
        let why = match (waiting.as_slice(), status.pending.as_str()) {
            ([], "") => String::new(),
            ([], pending) => format!(": {pending} in the draft"),
            (some, _) => format!(": {}", some.join(", ")),
        };
        let (key, live) = (columns::key(object), columns::live(object));
        Some(console::safe(&format!(
            "{key} is live on {live} nodes{why}"
        )))
    };
    let all = listed.objects.iter().chain(&listed.deleted);
    all.filter(is_meant).filter_map(lack).collect()
}

/// What was shown last, and where.
#[derive(Default)]
struct Screen {
    last: Option<v1::Rollout>,
    drawn: usize,
}

impl Screen {
    fn show(&mut self, now: &v1::Rollout) {
        if console::can_redraw() {
            let mut lines = progress::picture(now);
            // Refusals stay on the screen: they are told once the rollout is closed.
            lines.truncate(24);
            self.draw(&lines);
        } else {
            for line in progress::changes(self.last.as_ref(), now) {
                console::note(&line);
            }
        }
        self.last = Some(now.clone());
    }

    fn draw(&mut self, lines: &[String]) {
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to the first line of what was drawn, and clear all below it.
            text.push_str(&format!("\x1b[{}A\x1b[J", self.drawn));
        }
        for line in lines {
            // A line that the terminal would break counts as more than one line.
            let cut: String = line.chars().take(columns_of_terminal()).collect();
            text.push_str(&cut);
            text.push('\n');
        }
        self.drawn = lines.len();
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn rest(&mut self) {
        self.drawn = 0;
    }
}

/// How many characters fit on a line.
fn columns_of_terminal() -> usize {
    /// What every terminal has.
    const USUAL: usize = 80;
    let said = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    said.unwrap_or(USUAL)
}
