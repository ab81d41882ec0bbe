//! The etcd of a cluster: one member beside the controller, or three on hosts of their own.

use anyhow::{Context, Result, bail};

use super::{Cluster, Etcd, START_LIMIT};
use crate::etcd::{self, Member, Seat};
use crate::wait;

impl Cluster {
    /// Gives every etcd that is made from now on these options besides.
    pub fn set_etcd_flags(&mut self, flags: &[&str]) {
        self.etcd_flags = flags.iter().map(|&flag| flag.to_owned()).collect();
    }

    /// The member of etcd with this number, from 1.
    ///
    /// # Errors
    /// When there is none.
    pub fn member(&mut self, number: usize) -> Result<&mut Member> {
        let member = self.etcd.get_mut(number.wrapping_sub(1));
        member.with_context(|| format!("etcd has no member {number}"))
    }

    /// Lets the controller in this place, from 0, come to etcd by another way from its next start.
    pub fn set_way(&mut self, place: usize, endpoint: &str) {
        self.ways.insert(place, endpoint.to_owned());
    }

    /// Where the controller in this place finds etcd; `None` when it has one of its own.
    pub(super) fn way(&self, place: usize) -> Option<String> {
        let members: Vec<String> = self.etcd.iter().map(Member::endpoint).collect();
        let straight = || (!members.is_empty()).then(|| members.join(","));
        self.ways.get(&place).cloned().or_else(straight)
    }

    /// The number of the member that leads the others, once one does.
    ///
    /// # Errors
    /// When none does for too long.
    pub fn leading_member(&self) -> Result<usize> {
        let look = || {
            for (place, member) in self.etcd.iter().enumerate() {
                if member.is_started() && member.leads().unwrap_or(false) {
                    return Ok(place + 1);
                }
            }
            bail!("no member leads")
        };
        wait::until("etcd to have a leader", START_LIMIT, look).map(|(number, _)| number)
    }

    /// The members of the etcd that runs by itself.
    pub fn members(&self) -> &[Member] {
        &self.etcd
    }

    /// Makes the etcd that is wanted, and starts it; the controller starts its own by itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_etcd_as(&mut self, etcd: Etcd) -> Result<()> {
        let seat = |name: &str, host, address: &str| Seat {
            name: name.to_owned(),
            host,
            address: address.to_owned(),
        };
        let mut seats = Vec::new();
        match etcd {
            Etcd::Child => return Ok(()),
            Etcd::External => seats.push(seat("etcd", self.control.clone(), "127.0.0.1")),
            Etcd::Members => {
                for number in 1..=3 {
                    let (name, address) = (format!("etcd{number}"), self.underlay.member(number));
                    let host = self.switch.host(&self.lab, &name, &address)?;
                    seats.push(seat(&name, host, &self.underlay.in_url(&address)));
                }
            }
        }
        let flags: Vec<&str> = self.etcd_flags.iter().map(String::as_str).collect();
        self.etcd = etcd::members(&self.lab, seats, &flags);
        self.start_etcd()
    }

    /// Starts every member of etcd that does not run, and waits until all answer.
    ///
    /// # Errors
    /// When one does not.
    pub fn start_etcd(&mut self) -> Result<()> {
        let idle = self.etcd.iter_mut().filter(|member| !member.is_started());
        for member in idle {
            member.start()?;
        }
        wait::until("etcd to answer", START_LIMIT, || {
            self.etcd.iter().try_for_each(Member::check)
        })?;
        Ok(())
    }
}
