//! Handing changes over, and taking in what the kernel does and does not say of them.

use std::io;
use std::time::Instant;

use nix::libc;
use tracing::warn;
use weft_node::driver::Failure;
use weft_node::loan::Loan;
use weft_node::settings::Ipv6Switch;
use weft_node::step::{Change, Step};

use super::{Kernel, chain};
use crate::ledger::error::LedgerError;
use crate::netlink::bytes::Message;
use crate::netlink::requests::Nack;
use crate::sysctl;

impl Kernel {
    /// Hands over what has gathered, a handful at a time. Nothing is gathered after a failure.
    pub(super) async fn flush(
        &mut self,
        steps: &[Step],
        batch: &mut Vec<(usize, Message)>,
        failures: &mut Vec<Failure>,
    ) {
        while !batch.is_empty() && failures.is_empty() {
            // Whoever wants something else by now gets a word in.
            tokio::task::yield_now().await;
            let rest = batch.split_off(batch.len().min(self.handful.size()));
            let (places, mut messages): (Vec<usize>, Vec<Message>) =
                std::mem::replace(batch, rest).into_iter().unzip();
            self.counters.changes += messages.len() as u64;
            let mut made = Vec::new();
            let start = Instant::now();
            let answers = self.requests.batch(&mut messages);
            self.handful.took(start.elapsed());
            match answers {
                Ok(answers) => {
                    for (step, answer) in places.into_iter().zip(answers) {
                        match answer {
                            Ok(()) => made.push(step),
                            Err(nack) => failures.push(refused(step, nack)),
                        }
                    }
                }
                Err(error) => {
                    // Nobody knows what was done of it; the mirror is read anew.
                    self.mirror.changes().all = true;
                    failures.push(Failure {
                        step: places.first().copied().unwrap_or_default(),
                        // It is the answer that was lost, so that time does mend it.
                        errno: Some(libc::EAGAIN),
                        cause: format!("no answer from the kernel: {error}"),
                    });
                }
            }
            if let Err(error) = self.drain() {
                failures.push(Failure {
                    step: 0,
                    errno: None,
                    cause: chain(&error),
                });
            }
            self.trust(made.iter().filter_map(|place| steps.get(*place)));
        }
        batch.clear();
    }

    /// Takes in what the kernel has done and does not tell, or only some time after: IPv6 addresses,
    /// and what is set on a device that is down.
    fn trust<'a>(&mut self, made: impl Iterator<Item = &'a Step>) {
        for step in made {
            let Step::Link { index, change, .. } = step else {
                continue;
            };
            match change {
                Change::AddAddress(address) => {
                    let index = self.number(*index);
                    self.mirror.seen.add_address(index, *address);
                }
                Change::Set(settings) => {
                    let index = self.number(*index);
                    self.mirror
                        .seen
                        .mark_down(index, settings.group, settings.alias.as_deref());
                }
                Change::Create { .. }
                | Change::Ipv6(..)
                | Change::AddName(_)
                | Change::RemoveName(_)
                | Change::RemoveAddress(_)
                | Change::AddRoute(_)
                | Change::RemoveRoute(_)
                | Change::AddUnreachable(_)
                | Change::RemoveUnreachable(_)
                | Change::AddStatic { .. }
                | Change::RemoveStatic(_)
                | Change::AddFlood(_)
                | Change::RemoveFlood(_)
                | Change::AddNetworks(_)
                | Change::RemoveNetworks(_)
                | Change::AddPeer(..)
                | Change::RemovePeer(..)
                | Change::MapVlans(_)
                | Change::AddVlans(_)
                | Change::RemoveVlans(_)
                | Change::Join(_)
                | Change::Leave(_)
                | Change::Plug(_)
                | Change::Retag(_)
                | Change::Unplug
                | Change::Destroy => {}
            }
        }
    }

    /// Notes what a device gets back. That it got all back is worth no failure: its mark is gone, and
    /// without that the note speaks of nothing.
    pub(super) fn lend(&mut self, index: u32, loan: Option<&Loan>) -> Result<(), LedgerError> {
        let mut loans = self.mirror.seen.loans().clone();
        match loan {
            Some(loan) => drop(loans.insert(index, loan.clone())),
            None => drop(loans.remove(&index)),
        }
        if let Some(book) = &mut self.loans {
            match (book.write(&loans), loan) {
                (Err(error), Some(_)) => return Err(error),
                (Err(error), None) => {
                    warn!(error = %chain(&error), "that a device was given back is not on disk");
                }
                (Ok(()), _) => {}
            }
        }
        self.mirror.seen.lend(index, loan.cloned());
        Ok(())
    }

    pub(super) fn turn(
        &mut self,
        index: u32,
        name: &str,
        switch: Ipv6Switch,
        on: bool,
    ) -> io::Result<()> {
        sysctl::turn(name, switch, on)?;
        // The kernel does not tell of every switch.
        self.mirror.seen.set_ipv6(index, |ipv6| match switch {
            Ipv6Switch::Disable => ipv6.disabled = Some(on),
            Ipv6Switch::Forwarding => ipv6.forwarding = Some(on),
            Ipv6Switch::AcceptRa => ipv6.accept_ra = Some(on),
            Ipv6Switch::AcceptDad => ipv6.accept_dad = Some(on),
            Ipv6Switch::AcceptUntracked => ipv6.accept_untracked = Some(on),
        });
        Ok(())
    }
}

fn refused(step: usize, nack: Nack) -> Failure {
    let cause = io::Error::from_raw_os_error(nack.errno);
    Failure {
        step,
        errno: Some(nack.errno),
        cause: nack.text.unwrap_or_else(|| cause.to_string()),
    }
}
