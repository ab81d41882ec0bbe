//! A connection to the database.
//!
//! # Guarantees
//! Nothing is lost when a wait is given up: what is half sent or half received is kept and gone on
//! with.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::frames::Frames;

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: UnixStream,
    unsent: Vec<u8>,
    frames: Frames,
    asked: u64,
}

impl Line {
    /// Opens one.
    pub(super) async fn open(socket: &Path) -> io::Result<Self> {
        Ok(Self {
            stream: UnixStream::connect(socket).await?,
            unsent: Vec::new(),
            frames: Frames::default(),
            asked: 0,
        })
    }

    /// Puts a question on the way; gives its number.
    pub(super) fn say(&mut self, method: &str, words: &Value) -> u64 {
        self.asked += 1;
        let message = json!({"method": method, "params": words, "id": self.asked});
        self.unsent.extend(message.to_string().into_bytes());
        self.asked
    }

    /// Puts the answer to a question of the other side on the way.
    pub(super) fn echo(&mut self, question: &Value) {
        let message = json!({
            "id": question.get("id"), "result": question.get("params"), "error": null,
        });
        self.unsent.extend(message.to_string().into_bytes());
    }

    /// Sends what can be sent without waiting.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.try_write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next message that is there, without waiting.
    pub(super) fn hear(&mut self) -> io::Result<Option<Value>> {
        let mut room = [0; 1 << 16];
        loop {
            if let Some(object) = self.frames.next() {
                return serde_json::from_slice(&object)
                    .map(Some)
                    .map_err(io::Error::other);
            }
            match self.stream.try_read(&mut room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.frames.push(room.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until there is something to hear.
    pub(super) async fn heard(&self) {
        // An error shows when it is read.
        let _ = self.stream.readable().await;
    }

    /// Waits until there is something to hear, or to be sent.
    pub(super) async fn ready(&self) {
        let interest = if self.unsent.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let _ = self.stream.ready(interest).await;
    }
}
