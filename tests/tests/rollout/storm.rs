//! Faults: what befalls hosts, processes, disks, kernels and the network.

use turmoil::Sim;
use weft_node::replay::replay;
use weft_node::step::{Change, Step};

use super::calls;
use super::run::Bug;
use super::world::{Blow, Who, World};

/// Longer than the contact lease, and than it takes both ends to see that they are cut off.
const CUT: u64 = 12_000;

/// What a process that went down waits for.
#[derive(Debug, Default)]
pub struct Storm {
    /// When the next fault is due.
    next: u64,
    every: u64,
    /// Processes that are down, with when they start again.
    down: Vec<(u64, Who)>,
    /// Cut links, with when they are mended.
    cut: Vec<(u64, String, String, Cut)>,
    /// Hosts that something is wrong with, with when it is mended.
    ill: Vec<(u64, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Lost,
    OneWay,
    Held,
}

impl Storm {
    pub fn new(first: u64, every: u64) -> Self {
        Self {
            next: first,
            every,
            ..Self::default()
        }
    }

    /// Carries out what is due.
    pub fn blow(&mut self, world: &World, sim: &mut Sim<'_>) {
        let now = world.now();
        self.bury(world, sim);
        let (stormy, quiet) = {
            let state = world.lock();
            (state.stormy, state.quiet)
        };
        self.mend(world, sim, now, quiet);
        if stormy && !quiet && now >= self.next {
            self.next = now + world.lock().chance.within(1, self.every * 2);
            self.strike(world, sim, now);
        }
    }

    /// Takes down what has crashed in the last step.
    fn bury(&mut self, world: &World, sim: &mut Sim<'_>) {
        let Some((who, blow)) = world.lock().struck.take() else {
            return;
        };
        match blow {
            Blow::Crash => self.crash(world, sim, who, false),
            Blow::Reboot => self.crash(world, sim, who, true),
            Blow::Cut => {
                let until = world.now() + CUT;
                let controllers = world.lock().controls.len();
                for number in 0..controllers {
                    let (a, b) = (who.name(), Who::Controller(number).name());
                    sim.partition(a.as_str(), b.as_str());
                    self.cut.push((until, a, b, Cut::Lost));
                }
                world.lock().seen.insert("partition");
            }
            Blow::Say(_) => {}
        }
    }

    pub fn crash(&mut self, world: &World, sim: &mut Sim<'_>, who: Who, reboot: bool) {
        let now = world.now();
        world.note(|| format!("{} crashes, reboot {reboot}", who.name()));
        sim.crash(who.name());
        let mut state = world.lock();
        state.fallen.insert(who);
        let state = &mut *state;
        match who {
            Who::Controller(number) => {
                state.controls[number].desk = None;
                state.seen.insert("controller crash");
            }
            Who::Agent(number) => {
                state
                    .seen
                    .insert(if reboot { "reboot" } else { "agent crash" });
                if state.bug == Bug::ForgetfulDisk {
                    state.hosts[number].forget();
                }
                if reboot {
                    let undo = state.chance.hits(5_000);
                    state.hosts[number].reboot(number, now, undo);
                }
            }
        }
        let wait = state.chance.within(50, 6_000);
        self.down.push((now + wait, who));
    }

    fn mend(&mut self, world: &World, sim: &mut Sim<'_>, now: u64, all: bool) {
        let due = |at: u64| all || at <= now;
        let rising: Vec<Who> = self
            .down
            .iter()
            .filter(|it| due(it.0))
            .map(|it| it.1)
            .collect();
        self.down.retain(|it| !due(it.0));
        for who in rising {
            world.lock().fallen.remove(&who);
            if let Who::Agent(number) = who {
                let mut state = world.lock();
                let host = &mut state.hosts[number];
                host.booted = host.booted.min(now);
            }
            world.note(|| format!("{} starts", who.name()));
            sim.bounce(who.name());
        }
        for (_, a, b, cut) in self.cut.iter().filter(|it| due(it.0)) {
            match cut {
                Cut::Lost | Cut::OneWay => sim.repair(a.as_str(), b.as_str()),
                Cut::Held => sim.release(a.as_str(), b.as_str()),
            }
        }
        self.cut.retain(|it| !due(it.0));
        let mut state = world.lock();
        for (_, number) in self.ill.iter().filter(|it| due(it.0)) {
            let host = &mut state.hosts[*number];
            (host.full, host.read_only, host.slow) = (false, false, 2);
        }
        self.ill.retain(|it| !due(it.0));
        if all {
            for control in &mut state.controls {
                control.cut_until = 0;
            }
        }
    }

    fn strike(&mut self, world: &World, sim: &mut Sim<'_>, now: u64) {
        let mut state = world.lock();
        let hosts = state.hosts.len() as u64;
        let number = state.chance.within(0, hosts - 1) as usize;
        let controllers = state.controls.len() as u64;
        let control = state.chance.within(0, controllers - 1) as usize;
        let short = state.chance.within(100, 2_000);
        let long = state.chance.within(1_000, 20_000);
        let reboot = state.chance.hits(2_500);
        let (agent, leader) = (Who::Agent(number), Who::Controller(control));
        let is_down = |who: Who| self.down.iter().any(|it| it.1 == who);
        match state.chance.within(0, 21) {
            0..=4 => {
                let cut = match state.chance.within(0, 3) {
                    0 => Cut::OneWay,
                    1 => Cut::Held,
                    _ => Cut::Lost,
                };
                state.seen.insert("partition");
                drop(state);
                let (a, b) = (agent.name(), leader.name());
                if self.cut.iter().any(|it| (&it.1, &it.2) == (&a, &b)) {
                    return;
                }
                let until = now + if cut == Cut::Held { short } else { long };
                world.note(|| format!("{a} and {b} {cut:?} until {until}"));
                match cut {
                    Cut::Lost => sim.partition(a.as_str(), b.as_str()),
                    Cut::OneWay => sim.partition_oneway(b.as_str(), a.as_str()),
                    Cut::Held => sim.hold(a.as_str(), b.as_str()),
                }
                self.cut.push((until, a, b, cut));
            }
            5..=7 if !is_down(agent) => {
                drop(state);
                self.crash(world, sim, agent, reboot);
            }
            8 | 9 if !is_down(leader) => {
                drop(state);
                self.crash(world, sim, leader, false);
            }
            10 | 11 => {
                // At one of its next effects, in the middle of whatever that is part of.
                let who = if reboot { leader } else { agent };
                let hits = state.hits.get(&who).copied().unwrap_or_default();
                state.blow = Some((who, hits + state.chance.within(1, 12), Blow::Crash));
            }
            12 | 13 => {
                state.seen.insert("store cut off");
                state.controls[control].cut_until = now + long / 2;
            }
            14 => {
                state.hosts[number].full = true;
                self.ill.push((now + long, number));
            }
            15 => {
                state.seen.insert("disk read-only");
                state.hosts[number].read_only = true;
                self.ill.push((now + short, number));
            }
            16 => {
                state.seen.insert("slow kernel");
                state.hosts[number].slow = state.chance.within(50, 400);
                self.ill.push((now + long, number));
            }
            17 | 18 => {
                state.seen.insert("kernel refuses");
                let errno = [nix::libc::EBUSY, nix::libc::ENOMEM][(now % 2) as usize];
                let times = state.chance.within(1, 8) as u32;
                state.hosts[number].meddled = now;
                state.hosts[number].kernel.fail("create", errno, times);
            }
            19 | 20 => {
                state.seen.insert("drift");
                state.hosts[number].meddled = now;
                let kernel = state.hosts[number].kernel.clone();
                let links = kernel.seen();
                let ours: Vec<u32> = links
                    .links()
                    .map(|it| it.index)
                    .filter(|it| *it > 2)
                    .collect();
                if !ours.is_empty() {
                    let place = state.chance.within(0, ours.len() as u64 - 1);
                    let gone = Step::Link {
                        index: ours[place as usize],
                        name: String::new(),
                        origin: None,
                        change: Change::Destroy,
                    };
                    kernel.meddle(|seen| {
                        // It is there: that was looked at above.
                        let _ = replay(seen, &gone);
                    });
                }
            }
            21 => {
                state.seen.insert("clock jumps");
                calls::jump(reboot || now.is_multiple_of(2));
            }
            _ => {}
        }
    }
}
