//! The members of an etcd, and which of them is asked.
//!
//! # Guarantees
//! As long as a majority of the members answers, so does this: a question that one does not answer
//! within [`PATIENCE`] is put to the next one besides, and whoever answers is asked first from then
//! on. What must not happen twice is told to one member only.
//!
//! etcd's client would spread calls evenly over all members, those among them that are dead.

use std::time::Duration;

use etcd_client::{
    Client, ConnectOptions, GetOptions, KvClient, LeaseClient, MaintenanceClient, WatchClient,
};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{OnceCell, watch};
use tokio::time::{sleep, timeout};

use super::super::KvError;
use super::failure::{ANSWER, answered, from_etcd};

/// How long one member is waited for before the next one is asked besides: five times what etcd
/// itself calls slow, and a small part of a leader's lease.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a member has to answer while another one is asked everything else, and how often that is
/// looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A page of the largest values must fit; the default of gRPC is 4 MiB.
const LARGEST_ANSWER: usize = 128 << 20;

/// The members of an etcd.
pub(super) struct Members {
    all: Vec<Seat>,
    /// The place of the one that is asked first.
    first: watch::Sender<usize>,
}

/// Where a member is, and the connection to it, once there is one.
struct Seat {
    endpoint: String,
    options: ConnectOptions,
    member: OnceCell<Client>,
}

/// The connection to one member.
pub(super) struct Member {
    place: usize,
    client: Client,
}

impl Member {
    /// Which one it is.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn kv(&self) -> KvClient {
        let kv = self.client.kv_client();
        kv.max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(super) fn watch(&self) -> WatchClient {
        let watch = self.client.watch_client();
        watch.max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(super) fn lease(&self) -> LeaseClient {
        self.client.lease_client()
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient {
        self.client.maintenance_client()
    }
}

impl Members {
    /// The members at these endpoints; none of them is connected to yet.
    pub(super) fn new(endpoints: &[String], options: ConnectOptions) -> Result<Self, KvError> {
        if endpoints.is_empty() {
            return Err(KvError::Options("there is no endpoint".into()));
        }
        let seat = |endpoint: &String| Seat {
            endpoint: endpoint.clone(),
            options: options.clone(),
            member: OnceCell::new(),
        };
        Ok(Self {
            all: endpoints.iter().map(seat).collect(),
            first: watch::Sender::new(0),
        })
    }

    /// Asks what may be asked several times, until a member answers.
    pub(super) async fn ask<T, F>(&self, call: impl Fn(Member) -> F) -> Result<T, KvError>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        match timeout(ANSWER, self.ask_all(call)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(KvError::Unavailable(elapsed.into())),
        }
    }

    /// Tells one member what must not happen twice.
    pub(super) async fn tell<T, F>(&self, call: impl FnOnce(Member) -> F) -> Result<T, KvError>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let place = *self.first.borrow();
        let call = answered(async { call(self.member(place).await?).await });
        // Cancel-safe: what became of it is for the caller to find out in either case.
        let told = tokio::select! {
            told = call => told,
            () = self.gone(place) => {
                Err(KvError::Unavailable("this member of etcd does not answer any more".into()))
            }
        };
        if matches!(told, Err(KvError::Unavailable(_))) {
            self.first.send_if_modified(|first| {
                let is_first = *first == place;
                if is_first {
                    *first = (place + 1) % self.all.len();
                }
                is_first
            });
        }
        told
    }

    /// Waits until a member does not answer, while another one is asked first: what it would say of
    /// itself, when its host is gone, comes late. Cancel-safe.
    pub(super) async fn gone(&self, place: usize) {
        let mut first = self.first.subscribe();
        loop {
            // It cannot be closed: its sender is ours.
            let _ = first.wait_for(|first| *first != place).await;
            let look = async {
                let member = self.member(place).await?;
                let nothing = GetOptions::new().with_count_only();
                member.kv().get("/", Some(nothing)).await
            };
            match timeout(LOOK, look).await {
                Ok(Ok(_)) => sleep(LOOK).await,
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    async fn ask_all<T, F>(&self, call: impl Fn(Member) -> F) -> Result<T, KvError>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let (first, count) = (*self.first.borrow(), self.all.len());
        let mut places = (0..count).map(|step| (first + step) % count).peekable();
        let call = &call;
        let ask = |place: usize| async move {
            let answer = async { call(self.member(place).await?).await };
            (place, answer.await.map_err(from_etcd))
        };
        let mut asked = FuturesUnordered::new();
        let mut failure = KvError::Unavailable("no member was asked".into());
        loop {
            if asked.is_empty() {
                match places.next() {
                    Some(place) => asked.push(ask(place)),
                    None => return Err(failure),
                }
            }
            // Cancel-safe: an answer is taken when it is there, and the other arm only waits.
            let answer = tokio::select! {
                answer = asked.next() => answer,
                () = sleep(PATIENCE), if places.peek().is_some() => None,
            };
            match answer {
                Some((_, Err(error @ KvError::Unavailable(_)))) => {
                    failure = error;
                    asked.extend(places.next().map(ask));
                }
                Some((place, answer)) => {
                    self.prefer(place);
                    return answer;
                }
                None => asked.extend(places.next().map(ask)),
            }
        }
    }

    fn prefer(&self, place: usize) {
        self.first.send_if_modified(|first| {
            let is_new = *first != place;
            if is_new {
                tracing::info!(
                    endpoint = self.all[place].endpoint,
                    "another member of etcd"
                );
                *first = place;
            }
            is_new
        });
    }

    async fn member(&self, place: usize) -> Result<Member, etcd_client::Error> {
        let seat = &self.all[place];
        let connect = || Client::connect([&seat.endpoint], Some(seat.options.clone()));
        let client = seat.member.get_or_try_init(connect).await?;
        Ok(Member {
            place,
            client: client.clone(),
        })
    }
}
