//! A running watch, whatever it runs in, and what may befall it on the way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::KvError;
use super::entry::Message;
use super::etcd::EtcdWatch;
use super::far::FarWatch;
use super::memory::MemoryWatch;

/// A mishap for tests to order, for the next message of a watch that brings events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// It never arrives.
    Lose,
    /// It arrives twice.
    Repeat,
    /// It arrives after the one that follows it.
    Delay,
}

/// The mishaps that are ordered.
#[derive(Clone, Default)]
pub(super) struct Slips(Arc<Mutex<VecDeque<Option<Slip>>>>);

/// Where a watch runs.
pub(super) enum Origin {
    /// In etcd.
    Etcd(Box<EtcdWatch>),
    /// In memory.
    Memory(MemoryWatch),
    /// In memory, at the end of a way.
    Far(FarWatch),
}

/// A running watch. Dropping it ends it.
pub struct KvWatch {
    origin: Origin,
    slips: Slips,
    /// What arrived and is to be told next.
    ready: VecDeque<Message>,
    /// What is told after the next one.
    late: Option<Message>,
}

impl Slips {
    pub(super) fn of(slips: impl IntoIterator<Item = Option<Slip>>) -> Self {
        Self(Arc::new(Mutex::new(slips.into_iter().collect())))
    }

    fn next(&self) -> Option<Slip> {
        let mut slips = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slips.pop_front().flatten()
    }
}

impl KvWatch {
    pub(super) fn new(origin: Origin, slips: Slips) -> Self {
        Self {
            origin,
            slips,
            ready: VecDeque::new(),
            late: None,
        }
    }

    /// What happens next. Cancel-safe: what arrived is kept until it is told.
    pub async fn next(&mut self) -> Result<Message, KvError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            let message = match &mut self.origin {
                Origin::Etcd(watch) => watch.next().await?,
                Origin::Memory(watch) => watch.next().await?,
                Origin::Far(watch) => watch.next().await?,
            };
            let slip = match message.events.as_slice() {
                [] => None,
                [..] => self.slips.next(),
            };
            match slip {
                None => {
                    self.ready.push_back(message);
                    self.ready.extend(self.late.take());
                }
                Some(Slip::Lose) => {}
                Some(Slip::Repeat) => self.ready.extend([message.clone(), message]),
                Some(Slip::Delay) => self.late = Some(message),
            }
        }
    }
}
