//! Waits for the journal to be written, or for a moment to come, and for nothing else.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use weft_model::clock::Moment;

/// A directory that is watched, and a timer on the clock that deadlines are on.
#[derive(Debug)]
pub(super) struct Alarm {
    changes: Inotify,
    timer: TimerFd,
}

impl Alarm {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        changes.add_watch(
            directory,
            AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_DELETE_SELF
                | AddWatchFlags::IN_MOVE_SELF
                | AddWatchFlags::IN_ONLYDIR,
        )?;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC)?;
        Ok(Self { changes, timer })
    }

    /// Returns when something was written, or the moment has come.
    pub(super) fn wait(&self, until: Option<Moment>) -> io::Result<()> {
        match until {
            Some(moment) => self.timer.set(
                // Zero would switch it off.
                Expiration::OneShot(TimeSpec::from(Duration::from_millis(moment.0.max(1)))),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?,
            None => self.timer.unset()?,
        }
        let mut both = [
            PollFd::new(self.changes.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => self.take_changes(),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What changed does not matter: everything is read again anyway.
    fn take_changes(&self) -> io::Result<()> {
        loop {
            let events = match self.changes.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            };
            let gone = AddWatchFlags::IN_DELETE_SELF
                | AddWatchFlags::IN_MOVE_SELF
                | AddWatchFlags::IN_IGNORED;
            if events.iter().any(|event| event.mask.intersects(gone)) {
                let text = "the directory was removed or moved away";
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
        }
    }
}
