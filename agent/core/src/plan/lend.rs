//! Devices of the host: which are lent, what is noted of them, and how they go back.

use weft_model::name::LinkName;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::report::Fault;

use super::{Place, Round, set, step};
use crate::link::{self, Able, Around, Domain};
use crate::loan::Loan;
use crate::own::ROUTE_PROTOCOL;
use crate::route::MAIN_TABLE;
use crate::seen::{SeenKind, SeenLink};
use crate::settings::{Master, Settings};
use crate::step::{Change, Step};
use crate::{clash, host};

impl<'a> Round<'a> {
    /// Whether the plan has the device for a host network.
    pub(super) fn is_hosts(&self, name: &LinkName) -> bool {
        let link = self.want.link(name);
        link.is_some_and(|link| link.origin.host().is_some())
    }

    /// Where a device of a host network comes from, where somebody else made it.
    pub(super) fn borrow(
        &self,
        link: &'a Link,
        named: Option<&'a SeenLink>,
    ) -> Option<Result<Place<'a>, Fault>> {
        link.origin.host()?;
        if let Some(fault) = self.route_clash(link) {
            return Some(Err(fault));
        }
        let Some(is) = named.filter(|is| self.owner.may_borrow(is)) else {
            let is_missing = matches!(link.kind, LinkKind::Physical) && named.is_none();
            return is_missing.then(|| Err(clash::absent(link)));
        };
        if is.name != link.name.as_str() {
            return None;
        }
        if let Some(member) = self.bystander(link, is) {
            return Some(Err(clash::bystander(link, member)));
        }
        Some(if self.fits(link, is) {
            Ok(Place::Lent(is))
        } else {
            Err(clash::misfit(link, is))
        })
    }

    /// A route that somebody else has by a device that no host network declares, in the place of
    /// one that the device is to have.
    fn route_clash(&self, link: &Link) -> Option<Fault> {
        let (_, wanted) = link::routes(link, MAIN_TABLE);
        wanted.iter().find_map(|route| {
            let mut holders = self.seen.route_holders(route.place());
            let (other, _) = holders.find(|(other, is)| {
                let declared = other.name.parse().is_ok_and(|name| self.is_hosts(&name));
                is.protocol != ROUTE_PROTOCOL && !declared
            })?;
            Some(clash::route(link, route, other))
        })
    }

    fn is_bond(&self, index: u32) -> bool {
        let link = self.seen.link(index);
        link.is_some_and(|link| matches!(link.kind, SeenKind::Bond(_)))
    }

    /// A device that would have to leave a bond for the moment in which it gets another mode, and
    /// that no host network declares.
    fn bystander(&self, link: &Link, is: &SeenLink) -> Option<&'a SeenLink> {
        let (LinkKind::Bond(bond), SeenKind::Bond(has)) = (&link.kind, &is.kind) else {
            return None;
        };
        let is_known = |port: &SeenLink| {
            self.owner.owns(port)
                || self.seen.loan(port.index).is_some()
                || port.name.parse().is_ok_and(|name| self.is_hosts(&name))
        };
        let mut ports = self.seen.ports(is.index);
        ports.find(|port| bond.mode != has.mode && !is_known(port))
    }

    /// Notes where a device belongs that its bond lets go for the moment in which it gets another
    /// mode: the next one to look may find it outside.
    pub(super) fn keep_place(&self, is: &SeenLink, loan: &mut Loan) {
        if let Some(bond) = is.master.filter(|master| self.changes_mode(*master)) {
            loan.before.master.get_or_insert(Master::Device(bond));
            loan.before.up.get_or_insert(is.up);
        }
    }

    fn changes_mode(&self, bond: u32) -> bool {
        let Some(is) = self.seen.link(bond) else {
            return false;
        };
        let SeenKind::Bond(has) = &is.kind else {
            return false;
        };
        let wanted = is.name.parse().ok().and_then(|name| self.want.link(&name));
        let mode = match wanted.map(|link| &link.kind) {
            Some(LinkKind::Bond(bond)) => Some(bond.mode),
            _ => self.seen.loan(bond).and_then(|loan| loan.before.bond.mode),
        };
        mode.is_some_and(|mode| mode != has.mode)
    }

    /// Whether the whole host forwards IPv4: no one else turns that of its loopback device.
    fn host_forwards(&self) -> bool {
        let lo = self.seen.named("lo");
        lo.is_some_and(|lo| lo.forward_ipv4 == Some(true))
    }

    /// What the work on a device depends on besides itself.
    pub(super) fn around(
        &self,
        want: &Link,
        is: &SeenLink,
        alias: String,
        master: Option<u32>,
    ) -> Around<'a> {
        let wanted = want.master.as_ref().and_then(|name| self.want.link(name));
        let before = self.seen.loan(is.index).and_then(|loan| loan.before.master);
        let goes_back = before.and_then(|master| match master {
            Master::Device(index) => Some(index),
            Master::Nobody => None,
        });
        let left = is.master.filter(|had| Some(*had) != master);
        let primary = match &want.kind {
            LinkKind::Bond(bond) => bond.primary.as_ref().and_then(|name| self.index_of(name)),
            _ => None,
        };
        let table = wanted.and_then(|link| match &link.kind {
            LinkKind::Vrf(vrf) => Some(vrf.table),
            _ => None,
        });
        let was_inside = is.master.and_then(|index| self.seen.link(index));
        let was_inside = was_inside.is_some_and(SeenLink::is_vrf);
        let domain = match (was_inside, table) {
            (_, Some(_)) if is.master != master => Domain::Comes,
            (_, Some(_)) => Domain::Stays,
            // Of a device of the host it is the host's own affair.
            (true, None) if is.master != master && want.origin.host().is_none() => Domain::Leaves,
            (_, None) => Domain::Outside,
        };
        Around {
            table: table.unwrap_or(MAIN_TABLE),
            domain,
            kernel: Able::of(self.seen),
            unreachable: &self.seen.unreachable,
            alias,
            master,
            joins_bond: wanted.is_some_and(|link| matches!(link.kind, LinkKind::Bond(_)))
                || (want.master.is_none() && goes_back.is_some_and(|index| self.is_bond(index))),
            leaves_bond: left.is_some_and(|index| self.is_bond(index)),
            primary,
            forwards: self.host_forwards(),
            loan: self.seen.loan(is.index),
        }
    }

    /// The note of what a device gets back, where it says more or less than the one before.
    pub(super) fn note(&self, want: &Link, is: &SeenLink, loan: Loan) -> Option<Step> {
        (self.seen.loan(is.index) != Some(&loan)).then(|| Step::Lend {
            index: is.index,
            name: is.name.clone(),
            origin: Some(want.origin.clone()),
            loan: Some(Box::new(loan)),
        })
    }

    /// Whether a route goes because another takes its place.
    pub(super) fn is_replaced(&self, change: &Change) -> bool {
        matches!(change, Change::RemoveStatic(route) if self.declared.routes.contains(&route.place()))
    }

    /// Lets routes take the place of what is there. Whose that is was looked at before.
    pub(super) fn take_places(&self, index: u32, adds: &mut [Change]) {
        for change in adds {
            if let Change::AddStatic { route, replace } = change {
                let mut holders = self.seen.route_holders(route.place());
                *replace = holders.any(|(link, is)| link.index != index || is != route);
            }
        }
    }

    /// A change of a bond's mode, with its ports taken out for the moment that it takes.
    pub(super) fn without_ports(&self, changes_mode: bool, bond: u32, change: Step) -> Vec<Step> {
        let ports: Vec<&SeenLink> = self.seen.ports(bond).filter(|_| changes_mode).collect();
        let stay = |port: &&&SeenLink| self.stays_in(port, bond);
        let put = |port: &SeenLink, master| {
            let settings = Settings {
                master: Some(master),
                ..Settings::default()
            };
            set(port.index, &port.name, change.origin(), settings)
        };
        let out = ports.iter().map(|port| put(port, Master::Nobody));
        let back = ports.iter().filter(stay);
        let back = back.map(|port| put(port, Master::Device(bond)));
        let (out, back): (Vec<Step>, Vec<Step>) = (out.collect(), back.collect());
        [out, vec![change], back].concat()
    }

    /// Whether a port is to stay in the bond that it is in.
    fn stays_in(&self, port: &SeenLink, bond: u32) -> bool {
        let wanted = port
            .name
            .parse()
            .ok()
            .and_then(|name| self.want.link(&name));
        let master = wanted.and_then(|link| link.master.as_ref());
        let before = self
            .seen
            .loan(port.index)
            .and_then(|loan| loan.before.master);
        match (master, before) {
            (Some(master), _) => self.index_of(master) == Some(bond),
            (None, Some(before)) => before == Master::Device(bond),
            (None, None) => !self.owner.owns(port),
        }
    }

    /// What gives a device that the plan no longer has back to the host; `None` where it is none.
    /// What comes first gives a bond its mode back, before any port comes to it.
    pub(super) fn give_back(&self, is: &SeenLink) -> Option<(Vec<Step>, Vec<Step>)> {
        let has_mark = self.owner.has_lent(is);
        let loan = self.seen.loan(is.index);
        if is.name.parse().is_ok_and(|name| self.is_hosts(&name)) || (!has_mark && loan.is_none()) {
            return None;
        }
        let origin = self.owner.origin(is);
        let origin = origin.as_ref();
        let (mut first, mut steps, mut rest) = (Vec::new(), Vec::new(), None);
        // Without our mark somebody took it back already, and what is noted is of no use.
        if has_mark {
            let known = loan.cloned().unwrap_or_else(|| Loan {
                before: Settings {
                    alias: Some(String::new()),
                    ..Settings::default()
                },
                ..Loan::default()
            });
            let joined = match known.before.master {
                Some(Master::Device(index)) => self.is_bond(index),
                Some(Master::Nobody) | None => false,
            };
            let host::Back {
                before,
                changes,
                rest: kept,
            } = host::give_back(
                &known,
                is,
                &self.declared,
                host::Bonds {
                    left: is.master.is_some_and(|index| self.is_bond(index)),
                    joined,
                },
            );
            rest = kept;
            if before != known {
                steps.push(Step::Lend {
                    index: is.index,
                    name: is.name.clone(),
                    origin: origin.cloned(),
                    loan: Some(Box::new(before)),
                });
                first = std::mem::take(&mut steps);
            }
            for change in changes {
                let changes_mode =
                    matches!(&change, Change::Set(settings) if settings.bond.mode.is_some());
                let change = step(is.index, &is.name, origin, change);
                let with_ports = self.without_ports(changes_mode, is.index, change);
                steps.extend(with_ports);
                if changes_mode {
                    first.append(&mut steps);
                }
            }
        }
        if loan != rest.as_ref() {
            steps.push(Step::Lend {
                index: is.index,
                name: is.name.clone(),
                origin: origin.cloned(),
                loan: rest.map(Box::new),
            });
        }
        Some((first, steps))
    }
}
