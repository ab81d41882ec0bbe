//! One run of a probe: without rights, in a process group of its own that never outlives the run.
//!
//! A thread of its own starts the probe and waits for it, because rights are a thread's own and
//! what a thread starts has no more than it has.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, geteuid};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::tail::Tail;

/// Where a probe finds programs.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The user and group `nobody`, as every Linux has them.
const NOBODY: u32 = 65_534;

/// What is left in the pipe of a probe that has ended is there at once.
const REST: Duration = Duration::from_millis(200);

/// How a probe ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Badly(String),
}

/// A probe and all that it starts, to be ended by whoever comes first.
#[derive(Clone, Default)]
struct Group(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    #[default]
    Unborn,
    /// The number is nobody else's: whoever waits for the process ends the group before.
    Lives(Pid),
    Ended,
}

impl Group {
    fn begin(&self, child: &Child) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = Pid::from_raw(child.id().cast_signed());
        match *state {
            State::Unborn => *state = State::Lives(id),
            State::Lives(_) | State::Ended => kill(id),
        }
    }

    fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Lives(id) = *state {
            kill(id);
        }
        *state = State::Ended;
    }
}

fn kill(group: Pid) {
    // There is nobody left to end when this fails.
    let _ = killpg(group, Signal::SIGKILL);
}

/// Ends the group when nobody waits for it any more.
struct Watch(Group);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Runs a probe to its end, or to its limit. Dropping the future ends it.
pub(super) async fn run(file: &Path, limit: Duration) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    let mut reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let group = Group::default();
    let watch = Watch(group.clone());
    let (done, mut status) = oneshot::channel();
    let file = file.to_owned();
    std::thread::Builder::new()
        .name("weft-probe".to_owned())
        .spawn(move || {
            // Whoever waited may have gone; the group has ended all the same.
            let _ = done.send(lead(&file, writer, &group));
        })?;
    let mut tail = Tail::default();
    let in_time = tokio::select! {
        biased;
        status = &mut status => Some(status),
        () = tokio::time::sleep(limit) => None,
        () = listen(&mut tail, &mut reader) => None,
    };
    drop(watch);
    let (is_late, status) = match in_time {
        Some(status) => (false, status),
        None => (true, status.await),
    };
    let status = status.map_err(io::Error::other)??;
    // A process that left the group may hold the pipe open for as long as it likes.
    let _ = tokio::time::timeout(REST, tail.follow(&mut reader)).await;
    Ok(if is_late {
        let late = format!("it did not end within {limit:?} and was ended");
        Ended::Badly(told(&late, &tail))
    } else if status.success() {
        Ended::Well
    } else {
        Ended::Badly(told(&how(status), &tail))
    })
}

/// Reads for as long as somebody waits.
async fn listen(tail: &mut Tail, reader: &mut pipe::Receiver) {
    tail.follow(reader).await;
    std::future::pending().await
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it ended in an unknown way".to_owned(),
    }
}

fn told(how: &str, tail: &Tail) -> String {
    match tail.words().as_str() {
        "" => format!("{how} and said nothing"),
        words => format!("{how} and said: {words}"),
    }
}

/// Starts the probe and waits for it, on a thread that has nothing else to do.
fn lead(file: &Path, output: io::PipeWriter, group: &Group) -> io::Result<ExitStatus> {
    rustix::thread::clear_ambient_capability_set()?;
    rustix::thread::set_no_new_privs(true)?;
    let mut command = Command::new(file);
    command
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn()?;
    // The command holds the pipe open.
    drop(command);
    group.begin(&child);
    let id = Id::Pid(Pid::from_raw(child.id().cast_signed()));
    // Seen to have ended, and not waited for yet: what it left behind is ended under its number.
    let seen = waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    group.end();
    let status = child.wait()?;
    seen?;
    Ok(status)
}
