//! Opening the kernel: the sockets, what it can do, and everything that it has.

use std::collections::BTreeMap;
use std::path::PathBuf;

use weft_node::driver::Driver;

use super::handful::Handful;
use super::{Error, Kernel};
use crate::facts::Constants;
use crate::frr::{self, Frr};
use crate::ledger::loans::LoanBook;
use crate::mirror::Mirror;
use crate::netlink::events::Events;
use crate::netlink::number::{
    LATER_GROUPS, NETLINK_NETFILTER, NETLINK_ROUTE, NFNLGRP_NFTABLES, ROUTE_GROUPS,
};
use crate::netlink::requests::{Counters, Requests};
use crate::nft;
use crate::ovs::OpenVswitch;

/// Where there is more to know than the kernel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The database of Open vSwitch.
    pub switch: PathBuf,
    /// The state directory, in which it is noted what devices of the host get back; `None`: who
    /// opens the next kernel does not know.
    pub state: Option<PathBuf>,
    /// FRR; `None`: the agent has nothing to do with one. One that is not there is missed when a plan
    /// wants something of it.
    pub frr: Option<frr::Settings>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            switch: PathBuf::from(crate::ovs::USUAL_SOCKET),
            state: None,
            frr: None,
        }
    }
}

impl Kernel {
    /// Opens the kernel and reads everything once; Open vSwitch is where it usually is.
    ///
    /// # Errors
    /// When a socket cannot be opened or a table cannot be read.
    pub async fn open() -> Result<Self, Error> {
        Self::open_at(&Places::default()).await
    }

    /// Opens the kernel and reads everything once, and what is at these places.
    ///
    /// # Errors
    /// When a socket cannot be opened, or a table or the notes cannot be read.
    pub async fn open_at(places: &Places) -> Result<Self, Error> {
        let (loans, known) = match &places.state {
            Some(state) => {
                let (book, known) =
                    LoanBook::open(state).map_err(|source| Error::Loans { source })?;
                (Some(book), known)
            }
            None => (None, BTreeMap::new()),
        };
        let open = |purpose| move |source| Error::Open { purpose, source };
        let mut requests = Requests::open(NETLINK_ROUTE).map_err(open("requests"))?;
        let mut events = Events::open(NETLINK_ROUTE, &ROUTE_GROUPS).map_err(open("events"))?;
        events.also(&LATER_GROUPS);
        let tables = Requests::open(NETLINK_NETFILTER)
            .and_then(|requests| {
                let events = Events::open(NETLINK_NETFILTER, &[NFNLGRP_NFTABLES])?;
                Ok((requests, events))
            })
            .ok();
        let version = nft::version().await;
        let mut counters = Counters::default();
        let constants = Constants::find(&mut requests, version.as_deref(), &mut counters)
            .map_err(open("probes"))?;
        let mut kernel = Self {
            requests,
            events,
            tables,
            mirror: Mirror::default(),
            table_due: false,
            handful: Handful::default(),
            openvswitch: OpenVswitch::at(&places.switch),
            numbers: BTreeMap::new(),
            frr: places.frr.clone().map(Frr::new),
            constants,
            counters,
            loans,
        };
        kernel.look_again().await?;
        for (index, loan) in known {
            kernel.mirror.seen.lend(index, Some(loan));
        }
        Ok(kernel)
    }
}
