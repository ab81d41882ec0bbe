//! Ends a process that is proven to be the one that is meant.

use std::io;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Longer than the kernel takes to end a process that does not hang in the kernel itself.
const LIMIT: Duration = Duration::from_secs(1);

/// Ends the process with this number, if it holds what `holder` tells the holder of. Says whether
/// it is gone.
///
/// The handle is taken first and the holder asked after it: while the process behind the handle
/// lives its number is nobody else's, and once it is dead the handle ends nothing.
pub(super) fn end(
    number: u32,
    holder: impl FnOnce() -> io::Result<Option<u32>>,
) -> io::Result<bool> {
    let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else {
        return Ok(false);
    };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        opened => opened?,
    };
    if holder()? != Some(number) {
        return Ok(false);
    }
    match pidfd_send_signal(&handle, Signal::KILL) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        sent => sent?,
    }
    let mut ended = [PollFd::new(
        std::os::fd::AsFd::as_fd(&handle),
        PollFlags::POLLIN,
    )];
    let limit = PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut ended, limit)? > 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_the_holder_is_ended_and_even_when_it_is_stopped() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let number = child.id();
        assert!(!end(number, || Ok(None)).unwrap());
        assert!(!end(number, || Ok(Some(number + 1))).unwrap());
        assert!(child.try_wait().unwrap().is_none());
        let pid = number.to_string();
        let stopped = Command::new("kill").args(["-STOP", &pid]).status();
        assert!(stopped.unwrap().success());
        assert!(end(number, || Ok(Some(number))).unwrap());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(end(number, || Ok(Some(number))).unwrap());
    }
}
