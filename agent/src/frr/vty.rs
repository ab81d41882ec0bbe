//! The socket that each of FRR's daemons has for `vtysh`.
//!
//! A command and a zero byte go in; text, three zero bytes and a status come out. Commands may be
//! sent ahead; they are answered in order.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A daemon that does not even take a connection within this is not one to wait for.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Shorter than the 90 s after which FRR's own watchdog ends a daemon that is too busy to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How many commands are sent ahead: their answers fit the socket's buffer.
const AHEAD: usize = 64;

/// Why a daemon cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum VtyError {
    /// There is no connection.
    #[error("cannot connect to {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("{} broke off while it was told {command:?}", path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What was said last.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("{} did not answer within {} s to {command:?}", path.display(), ANSWER_LIMIT.as_secs())]
    Late {
        /// The socket.
        path: PathBuf,
        /// What was said.
        command: String,
    },
}

/// What a daemon answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 0 where it was done.
    pub status: u8,
    /// What it said.
    pub text: String,
}

impl Answer {
    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        self.status == 0
    }

    /// What it said, on one line.
    pub fn words(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        if words.is_empty() {
            // See `enum cmd_return` of FRR's lib/command.h.
            match self.status {
                2 => "unknown command".to_owned(),
                status => format!("status {status}"),
            }
        } else {
            words.join(" ")
        }
    }
}

/// A connection to one daemon, in enable mode.
#[derive(Debug)]
pub struct Vty {
    path: PathBuf,
    stream: UnixStream,
    pid: Option<i32>,
    read: Vec<u8>,
}

impl Vty {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or not in time.
    pub async fn open(path: &Path) -> Result<Self, VtyError> {
        let connect = |source| VtyError::Connect {
            path: path.to_owned(),
            source,
        };
        let stream = timeout(CONNECT_LIMIT, UnixStream::connect(path))
            .await
            .map_err(|late| connect(late.into()))?
            .map_err(connect)?;
        let pid = stream.peer_cred().ok().and_then(|cred| cred.pid());
        let mut vty = Self {
            path: path.to_owned(),
            stream,
            pid,
            read: Vec::new(),
        };
        vty.ask("enable").await?;
        Ok(vty)
    }

    /// The process that listens, where the kernel tells.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// Says one thing and hears the answer.
    ///
    /// # Errors
    /// When the connection breaks, or there is no answer in time. It must not be used any more then,
    /// and neither after this was dropped on the way.
    pub async fn ask(&mut self, command: &str) -> Result<Answer, VtyError> {
        self.send(command.as_bytes(), command).await?;
        self.hear(command).await
    }

    /// Says many things, ahead of their answers.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_all(&mut self, commands: &[String]) -> Result<Vec<Answer>, VtyError> {
        let mut answers = Vec::with_capacity(commands.len());
        for some in commands.chunks(AHEAD) {
            let text = some.join("\0");
            self.send(text.as_bytes(), &some[0]).await?;
            for command in some {
                answers.push(self.hear(command).await?);
            }
        }
        Ok(answers)
    }

    async fn send(&mut self, text: &[u8], command: &str) -> Result<(), VtyError> {
        let work = async {
            self.stream.write_all(text).await?;
            self.stream.write_all(b"\0").await
        };
        match timeout(ANSWER_LIMIT, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.broken(command, source)),
            Err(_) => Err(self.late(command)),
        }
    }

    async fn hear(&mut self, command: &str) -> Result<Answer, VtyError> {
        let mut searched = 0;
        loop {
            let found = (searched..self.read.len().saturating_sub(3))
                .find(|at| self.read[*at..*at + 3] == [0, 0, 0]);
            if let Some(end) = found {
                let status = self.read[end + 3];
                let text = String::from_utf8_lossy(&self.read[..end]).into_owned();
                self.read.drain(..end + 4);
                return Ok(Answer { status, text });
            }
            searched = self.read.len().saturating_sub(3);
            let more = timeout(ANSWER_LIMIT, self.stream.read_buf(&mut self.read)).await;
            match more {
                Ok(Ok(0)) => {
                    return Err(self.broken(command, io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(Ok(_)) => {}
                Ok(Err(source)) => return Err(self.broken(command, source)),
                Err(_) => return Err(self.late(command)),
            }
        }
    }

    fn broken(&self, command: &str, source: io::Error) -> VtyError {
        VtyError::Broken {
            path: self.path.clone(),
            command: command.to_owned(),
            source,
        }
    }

    fn late(&self, command: &str) -> VtyError {
        VtyError::Late {
            path: self.path.clone(),
            command: command.to_owned(),
        }
    }
}
