//! The kernel of the network namespace that this is opened in, as something to drive.
//!
//! # Assumes
//! It has a thread of its own: requests block it until the kernel is done with them.

use std::collections::BTreeMap;
use std::io;

use weft_model::facts::Facts;
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::seen::Seen;
use weft_node::step::{Change, Step};

use crate::facts::{self, Constants};
use crate::frr::Frr;
use crate::ledger::error::LedgerError;
use crate::ledger::loans::LoanBook;
use crate::mirror::Mirror;
use crate::netlink::bytes::Message;
use crate::netlink::decode::{Event, event};
use crate::netlink::encode;
use crate::netlink::events::Events;
use crate::netlink::number::{AF_INET, AF_INET6};
use crate::netlink::requests::{Counters, IN_FLIGHT, Requests};
use crate::netlink::{network, vlan};
use crate::ovs::OpenVswitch;
use crate::{nft, sysctl};

mod handful;

mod hand_over;

mod open;

mod plugging;

mod routing;

mod table;

use handful::Handful;
pub use open::Places;
use plugging::is_of_switch;

/// Why the kernel could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be made ready.
    #[error("cannot open netlink socket for {purpose}")]
    Open {
        /// What the socket is for.
        purpose: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What devices of the host get back could not be read.
    #[error("cannot read what devices of the host get back")]
    Loans {
        /// Why.
        source: LedgerError,
    },
    /// A table could not be read.
    #[error("cannot read the kernel's {what}")]
    Read {
        /// Which table.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel {
    requests: Requests,
    events: Events,
    /// `None` where the kernel has no nftables.
    tables: Option<(Requests, Events)>,
    mirror: Mirror,
    /// Whether our table has to be read again.
    table_due: bool,
    handful: Handful,
    openvswitch: OpenVswitch,
    /// The numbers that devices have which were to get others, while steps are made.
    numbers: BTreeMap<u32, u32>,
    /// `None` where the agent is to have nothing to do with FRR.
    frr: Option<Frr>,
    constants: Constants,
    counters: Counters,
    /// Where it is noted what devices of the host get back; `None`: only in memory.
    loans: Option<LoanBook>,
}

impl Kernel {
    /// What was asked of the kernel so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Asks for every device and throws the answer away: the least that looking can cost.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    pub fn dump_links(&mut self) -> Result<(), Error> {
        self.requests
            .dump(&encode::all_links(), |_| None::<()>, &mut self.counters)
            .map(drop)
            .map_err(|source| Error::Read {
                what: "devices",
                source,
            })
    }

    fn drain(&mut self) -> Result<(), Error> {
        let mirror = &mut self.mirror;
        let whole = self
            .events
            .drain(|message| {
                if let Some(event) = event(message) {
                    mirror.take(event);
                }
            })
            .map_err(|source| Error::Read {
                what: "events",
                source,
            })?;
        if !whole {
            self.mirror.changes().all = true;
        }
        Ok(())
    }

    fn dump(&mut self, what: &'static str, message: &Message) -> Result<Vec<Event>, Error> {
        self.requests
            .dump(message, event, &mut self.counters)
            .map_err(|source| Error::Read { what, source })
    }
}

impl Driver for Kernel {
    type Error = Error;

    fn seen(&self) -> &Seen {
        &self.mirror.seen
    }

    async fn look(&mut self) -> Result<Changes, Error> {
        self.drain()?;
        let news = self.openvswitch.look().await;
        self.mirror.take_news(news);
        if let Some((_, events)) = &mut self.tables {
            let due = &mut self.table_due;
            let whole = events
                .drain(|_| *due = true)
                .map_err(|source| Error::Read {
                    what: "events of nftables",
                    source,
                })?;
            *due |= !whole;
        }
        if self.table_due {
            let was = self.mirror.seen.nat.clone();
            self.read_table().await?;
            self.mirror.changes().nat |= was != self.mirror.seen.nat;
        }
        self.look_at_frr(false).await;
        let changes = self.mirror.take_changes();
        if changes.all {
            self.look_again().await?;
        }
        Ok(changes)
    }

    async fn look_again(&mut self) -> Result<(), Error> {
        let mut fresh = Mirror::filling();
        for (what, message) in [
            ("devices", encode::all_links()),
            ("addresses", encode::all_addresses()),
            ("IPv4 routes", encode::all_routes(AF_INET)),
            ("IPv6 routes", encode::all_routes(AF_INET6)),
            ("forwarding entries", encode::all_forwarding_entries()),
        ] {
            for event in self.dump(what, &message)? {
                fresh.take(event);
            }
        }
        if fresh.has_domains() {
            for (what, message) in [
                (
                    "IPv4 routes of routing domains",
                    encode::our_routes(AF_INET),
                ),
                (
                    "IPv6 routes of routing domains",
                    encode::our_routes(AF_INET6),
                ),
            ] {
                for event in self.dump(what, &message)? {
                    fresh.take(event);
                }
            }
        }
        // Thousands of ports that filter nothing have nothing to tell.
        if fresh.has_bundles() {
            for (what, message) in [
                ("VLANs", network::all_vlans()),
                ("networks of tunnels", network::all()),
            ] {
                for event in self.dump(what, &message)? {
                    fresh.take(event);
                }
            }
        } else if fresh.has_vlans() {
            for event in self.dump("VLANs", &vlan::all())? {
                fresh.take(event);
            }
        }
        fresh.keep_switches(&self.mirror);
        fresh.take_news(self.openvswitch.look().await);
        fresh.fill_up();
        let was = std::mem::replace(&mut self.mirror, fresh);
        for (index, loan) in was.seen.loans() {
            self.mirror.seen.lend(*index, Some(loan.clone()));
        }
        self.mirror.seen.nat = was.seen.nat;
        self.mirror.seen.frr = was.seen.frr;
        // What happened during the dumps is taken in after them, in order, and so ends newest.
        self.drain()?;
        if let Some((_, events)) = &mut self.tables {
            let _ = events.drain(|_| {});
        }
        self.read_table().await?;
        self.look_at_frr(true).await;
        *self.mirror.changes() = Changes {
            facts: true,
            all: self.mirror.changes().all,
            ..Changes::default()
        };
        Ok(())
    }

    async fn changed(&mut self) {
        let Self {
            events,
            tables,
            openvswitch,
            frr,
            ..
        } = self;
        let tables = async {
            match tables {
                Some((_, tables)) => tables.heard().await,
                None => std::future::pending().await,
            }
        };
        // All may be dropped at any time: they only wait.
        tokio::select! {
            () = events.heard() => {}
            () = tables => {}
            () = openvswitch.heard() => {}
            () = routing::heard(frr) => {}
        }
    }

    async fn perform(&mut self, steps: &[Step]) -> Vec<Failure> {
        self.handful = Handful::default();
        self.numbers.clear();
        let mut failures = Vec::new();
        let mut batch: Vec<(usize, Message)> = Vec::new();
        let mut plugs: Vec<usize> = Vec::new();
        // Up to where FRR was told already.
        let mut told = 0;
        for (place, step) in steps.iter().enumerate() {
            if is_of_switch(step) {
                // In the order of the steps: what was gathered for the kernel goes first.
                self.flush(steps, &mut batch, &mut failures).await;
                if !failures.is_empty() {
                    break;
                }
                plugs.push(place);
                continue;
            }
            self.plug(steps, &mut plugs, &mut failures).await;
            if !failures.is_empty() {
                break;
            }
            let cause = match step {
                Step::DestroyGroup { group, .. } => {
                    batch.push((place, encode::destroy_group(*group)));
                    None
                }
                Step::Guest { index, change, .. } => {
                    batch.push((place, encode::guest(*index, change)));
                    None
                }
                Step::Lend { index, loan, .. } => {
                    self.flush(steps, &mut batch, &mut failures).await;
                    if !failures.is_empty() {
                        break;
                    }
                    let noted = self.lend(*index, loan.as_deref());
                    noted.err().map(|error| (None, chain(&error)))
                }
                Step::Nat(table) => {
                    self.flush(steps, &mut batch, &mut failures).await;
                    if !failures.is_empty() {
                        break;
                    }
                    let written = match nft::write(table.as_ref()).await {
                        Ok(()) => self.read_table().await.map_err(|error| chain(&error)),
                        Err(error) => Err(chain(&error)),
                    };
                    written.err().map(|cause| (None, cause))
                }
                Step::Frr(_) => {
                    self.flush(steps, &mut batch, &mut failures).await;
                    self.tell_frr(steps, place, &mut told, &mut failures).await;
                    None
                }
                Step::FrrKept(written) => self.keep_frr(written).map(|cause| (None, cause)),
                Step::Link {
                    index,
                    name,
                    change: Change::Ipv6(switch, on),
                    ..
                } => {
                    self.flush(steps, &mut batch, &mut failures).await;
                    if !failures.is_empty() {
                        break;
                    }
                    let turned = self.turn(self.number(*index), name, *switch, *on);
                    turned
                        .err()
                        .map(|error| (error.raw_os_error(), error.to_string()))
                }
                Step::Link {
                    index,
                    name,
                    change,
                    ..
                } => {
                    let index = self.number(*index);
                    let kind = self.mirror.seen.link(index).map(|link| &link.kind);
                    if let Some(message) = encode::change(index, name, kind, change) {
                        batch.push((place, message));
                    }
                    None
                }
            };
            failures.extend(cause.map(|(errno, cause)| Failure {
                step: place,
                errno,
                cause,
            }));
            if batch.len() >= IN_FLIGHT {
                self.flush(steps, &mut batch, &mut failures).await;
            }
            if !failures.is_empty() {
                break;
            }
        }
        self.flush(steps, &mut batch, &mut failures).await;
        self.plug(steps, &mut plugs, &mut failures).await;
        failures
    }

    fn mind_frr(&mut self, is_wanted: bool) {
        if let Some(frr) = &mut self.frr {
            frr.mind(is_wanted);
        }
    }

    async fn try_frr(&mut self, steps: &[Step]) -> Option<String> {
        self.check_frr(steps).await
    }

    async fn facts(&mut self) -> Facts {
        let frr = self.facts_of_frr().await;
        let has_switch = self.openvswitch.is_known();
        facts::facts(&self.constants, &self.mirror, has_switch, frr)
    }

    fn may_switch(&self) -> bool {
        sysctl::may_turn()
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
