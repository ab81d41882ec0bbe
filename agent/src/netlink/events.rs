//! Hearing what happens in the kernel, without asking.

use std::io;

use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket};
use nix::libc::ENOBUFS;

use super::bytes::{Received, messages};
use super::requests::{enlarge, receive};

/// More than any datagram of events.
const LARGEST_DATAGRAM: usize = 1 << 16;

/// A socket that hears events.
pub(crate) struct Events {
    socket: TokioSocket,
    buffer: Vec<u8>,
    /// Whether the buffer holds a datagram that was heard and not taken in yet.
    heard: bool,
    lost: bool,
}

impl Events {
    pub(crate) fn open(protocol: isize, groups: &[u32]) -> io::Result<Self> {
        let mut socket = TokioSocket::new(protocol)?;
        let inner = socket.socket_mut();
        inner.bind_auto()?;
        enlarge(inner);
        for group in groups {
            inner.add_membership(*group)?;
        }
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(LARGEST_DATAGRAM),
            heard: false,
            lost: false,
        })
    }

    /// Hears these too, where the kernel has them.
    pub(crate) fn also(&mut self, groups: &[u32]) {
        for group in groups {
            // A kernel that lacks a group lacks what it would tell of.
            let _ = self.socket.socket_mut().add_membership(*group);
        }
    }

    /// Waits until there is something to drain. May be dropped while it waits.
    pub(crate) async fn heard(&mut self) {
        if self.heard || self.lost {
            return;
        }
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer).await {
            Ok(()) => self.heard = true,
            // The error is told once only, and it is that events were lost.
            Err(_) => self.lost = true,
        }
    }

    /// Takes in all that was heard up to now. `false` means that some of it was lost.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&Received<'_>)) -> io::Result<bool> {
        let mut whole = !std::mem::take(&mut self.lost);
        if std::mem::take(&mut self.heard) {
            messages(&self.buffer).for_each(|message| each(&message));
        }
        loop {
            match receive(self.socket.socket_ref(), &mut self.buffer) {
                Ok(()) => messages(&self.buffer).for_each(|message| each(&message)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(whole),
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => whole = false,
                Err(error) => return Err(error),
            }
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
