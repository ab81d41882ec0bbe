//! Asking the kernel, and waiting for what it says.
//!
//! A kernel works on a request while it is being handed over, so when the hand-over is done the
//! answers are there: nothing here needs to be asynchronous. The thread that does this must have
//! nothing else to do.
//!
//! # Guarantees
//! At most [`IN_FLIGHT`] requests wait for an answer, so that their answers fit the receive buffer;
//! a request whose answer was lost all the same ends in an error and not in waiting for ever. A
//! dump that the kernel says was interrupted is never taken for whole.

use std::io;
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::bytes::{Message, Received, attributes, messages, read_text, read_u32};
use super::number::{
    HEADER, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE,
    NLMSG_ERROR, NLMSGERR_ATTR_MSG,
};

/// How many requests are handed over together; 64 answers fit the smallest usual buffer.
pub(crate) const IN_FLIGHT: usize = 64;

/// Room for the answers of the largest batch, many times over.
const RECEIVE_BUFFER: usize = 4 << 20;

/// More than any datagram that a kernel makes of route messages.
const LARGEST_DATAGRAM: usize = 1 << 18;

/// Longer than a kernel ever holds its network lock; then something is lost.
const LIMIT: Duration = Duration::from_secs(60);

/// How often an interrupted dump is begun again: each time something changed on the host meanwhile.
const DUMP_ATTEMPTS: u32 = 50;

/// What was asked of the kernel so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that ask for a change.
    pub changes: u64,
    /// Dumps, each counted as often as it was begun.
    pub dumps: u64,
    /// Everything else: probes and single questions.
    pub questions: u64,
}

/// The kernel's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nack {
    /// The error number.
    pub errno: i32,
    /// What the kernel had to say beyond it.
    pub text: Option<String>,
}

/// A socket for requests.
#[derive(Debug)]
pub(crate) struct Requests {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Requests {
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Both may be missing on kernels that are too old for anything else here.
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        enlarge(&socket);
        let limit = TimeVal::new(i64::try_from(LIMIT.as_secs()).unwrap_or(i64::MAX), 0);
        setsockopt(&socket, sockopt::ReceiveTimeout, &limit)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(LARGEST_DATAGRAM),
            sequence: 0,
        })
    }

    /// Hands over up to [`IN_FLIGHT`] requests together; gives the kernel's yes or no to each.
    pub(crate) fn batch(&mut self, batch: &mut [Message]) -> io::Result<Vec<Result<(), Nack>>> {
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        for message in &mut *batch {
            self.sequence = self.sequence.wrapping_add(1);
            datagram.extend_from_slice(message.seal(NLM_F_ACK, self.sequence));
        }
        self.socket.send(&datagram, 0)?;
        let mut answers: Vec<Option<Result<(), Nack>>> = vec![None; batch.len()];
        let mut missing = batch.len();
        while missing > 0 {
            receive(&self.socket, &mut self.buffer)?;
            for message in messages(&self.buffer) {
                let place = message.sequence.wrapping_sub(first) as usize;
                let answer = answers.get_mut(place);
                if let (NLMSG_ERROR, Some(answer @ None)) = (message.kind, answer) {
                    *answer = Some(verdict(&message));
                    missing -= 1;
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Dumps; gives `None` when the kernel does not know what is asked for.
    pub(crate) fn dump<T>(
        &mut self,
        message: &Message,
        mut read: impl FnMut(&Received<'_>) -> Option<T>,
        counters: &mut Counters,
    ) -> io::Result<Vec<T>> {
        for _ in 0..DUMP_ATTEMPTS {
            counters.dumps += 1;
            if let Some(whole) = self.dump_once(message.clone(), &mut read)? {
                return Ok(whole);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "the kernel's tables change faster than they can be read",
        ))
    }

    fn dump_once<T>(
        &mut self,
        mut message: Message,
        read: &mut impl FnMut(&Received<'_>) -> Option<T>,
    ) -> io::Result<Option<Vec<T>>> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket
            .send(message.seal(NLM_F_DUMP, self.sequence), 0)?;
        let (mut whole, mut interrupted) = (Vec::new(), false);
        loop {
            receive(&self.socket, &mut self.buffer)?;
            for message in messages(&self.buffer) {
                if message.sequence != self.sequence {
                    continue;
                }
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_DONE => return Ok((!interrupted).then_some(whole)),
                    NLMSG_ERROR => {
                        return match verdict(&message) {
                            Ok(()) => Ok(Some(whole)),
                            Err(nack) => Err(io::Error::from_raw_os_error(nack.errno)),
                        };
                    }
                    _ => whole.extend(read(&message)),
                }
            }
        }
    }
}

fn verdict(message: &Received<'_>) -> Result<(), Nack> {
    let code = read_u32(message.payload, 0).map_or(0, u32::cast_signed);
    if code == 0 {
        return Ok(());
    }
    let mut skip = 4 + HEADER;
    if message.flags & NLM_F_CAPPED == 0 {
        let request = read_u32(message.payload, 4).unwrap_or_default() as usize;
        skip = 4 + request.max(HEADER);
    }
    let text = (message.flags & NLM_F_ACK_TLVS != 0)
        .then(|| {
            attributes(message.payload, skip)
                .find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)
                .map(|(_, text)| read_text(text))
        })
        .flatten();
    Err(Nack {
        errno: code.saturating_abs(),
        text,
    })
}

/// Reads one datagram.
pub(super) fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        buffer.clear();
        match socket.recv(buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(drop),
        }
    }
}

/// Makes a socket's receive buffer large, beyond the host's limit where that is allowed.
pub(super) fn enlarge(socket: &Socket) {
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        // Without the right to force it, as much as the host gives.
        let _ = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    }
}
