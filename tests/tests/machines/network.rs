//! Streams: how they open, carry, lose and break, and what is heard over them.

use weft_core::rollout::catchup::Event as Return;
use weft_core::rollout::event::Event as News;
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::Decision;
use weft_core::rollout::welcome::Held;
use weft_model::clock::Span;
use weft_model::message::{Answer, Command, Confirmed, Fence, Standing};

use super::cluster::{Bug, Cluster, Happening, Stream};
use super::store::name;

impl Cluster {
    pub fn is_broken(&self, stream: usize) -> bool {
        let Stream { node, broken, .. } = self.streams[stream];
        broken || self.nodes[node].cut_off_until > self.now
    }

    // The network.

    pub fn connect(&mut self, node: usize) {
        let this = &self.nodes[node];
        if this.session.is_none() || this.stream.is_some() {
            return;
        }
        let target = match self.controllers.len() {
            0 => None,
            count => {
                // An old leader that does not know better still takes nodes in.
                let old = count >= 2 && !self.quiet && self.chance.hits(1_500);
                let place = count - 1 - usize::from(old);
                self.controllers[place].alive.then_some(place)
            }
        };
        let Some(controller) = target.filter(|_| self.nodes[node].cut_off_until <= self.now) else {
            self.later(1_000, Happening::Connect { node });
            return;
        };
        let stream = self.streams.len();
        self.streams.push(Stream {
            node,
            controller,
            broken: false,
            down: self.now,
            up: self.now,
        });
        self.nodes[node].stream = Some(stream);
        if let Some(session) = &self.nodes[node].session {
            let hello = session.hello();
            let at = self.up(stream);
            self.at(at, Happening::Greet { stream, hello });
        }
    }

    pub fn up(&mut self, stream: usize) -> u64 {
        let at = self.now + self.delay();
        let at = at.max(self.streams[stream].up + 1);
        self.streams[stream].up = at;
        at
    }

    pub fn down(&mut self, stream: usize) -> u64 {
        let at = self.now + self.delay();
        let at = at.max(self.streams[stream].down + 1);
        self.streams[stream].down = at;
        at
    }

    pub fn is_stray(&mut self) -> bool {
        self.setup.wild && !self.quiet && self.chance.hits(500)
    }

    pub fn is_lost(&mut self) -> bool {
        self.setup.wild && !self.quiet && self.chance.hits(100)
    }

    pub fn send_up(&mut self, node: usize, fence: Fence, answer: Answer) {
        let Some(stream) = self.nodes[node].stream else {
            return;
        };
        if self.is_stray() {
            let wait = self.chance.within(0, 60_000);
            let controller = self.streams[stream].controller;
            let (fence, answer) = (fence.clone(), answer.clone());
            self.later(
                wait,
                Happening::Echo {
                    controller,
                    node,
                    fence,
                    answer,
                },
            );
        }
        let at = self.up(stream);
        if !self.is_lost() {
            self.at(
                at,
                Happening::Up {
                    stream,
                    fence,
                    answer,
                },
            );
        }
    }

    pub fn send_down(&mut self, controller: usize, node: usize, fence: Fence, command: Command) {
        let Some(&(stream, _)) = self.controllers[controller].roster.get(&node) else {
            return;
        };
        let mut command = command;
        if self.setup.bug == Bug::NoLease {
            match &mut command {
                Command::Prepare { lease, .. } | Command::CatchUp { lease, .. } => {
                    lease.contact = Span::from_secs(30);
                }
                Command::Apply
                | Command::KeepAlive
                | Command::Check
                | Command::Confirm
                | Command::Rollback => {}
            }
        }
        if self.is_stray() {
            let wait = self.chance.within(0, 120_000);
            let (fence, command) = (fence.clone(), command.clone());
            self.later(
                wait,
                Happening::Stray {
                    node,
                    fence,
                    command,
                },
            );
        }
        let at = self.down(stream);
        if !self.is_lost() {
            self.at(
                at,
                Happening::Down {
                    stream,
                    fence,
                    command,
                },
            );
        }
    }

    // The controllers.

    pub fn arrive(&mut self, stream: usize, hello: weft_model::message::Hello) {
        let Stream {
            node, controller, ..
        } = self.streams[stream];
        if self.is_broken(stream) || !self.controllers[controller].alive {
            return;
        }
        let old = self.controllers[controller]
            .roster
            .insert(node, (stream, hello.clone()));
        if old.is_some() {
            self.lost(controller, node);
        }
        if self.controllers[controller].takes_part(node) {
            return self.tell(controller, News::Hello(name(node), hello));
        }
        let held = match hello.standing {
            Standing::Settled => Held::Unknown,
            Standing::Unsettled { rollout, .. } => {
                let record = self.store.records.get(&rollout);
                record.map_or(Held::Unknown, |record| {
                    Held::of(record.phase.decision().as_ref())
                })
            }
        };
        self.bring(controller, node, Return::Hello { hello, held });
    }

    pub fn leave(&mut self, stream: usize) {
        let Stream {
            node, controller, ..
        } = self.streams[stream];
        let this = &mut self.controllers[controller];
        if this.alive && this.roster.get(&node).is_some_and(|(on, _)| *on == stream) {
            this.roster.remove(&node);
            self.lost(controller, node);
        }
    }

    pub fn lost(&mut self, controller: usize, node: usize) {
        if self.controllers[controller].takes_part(node) {
            self.tell(controller, News::Lost(name(node)));
        } else {
            self.bring(controller, node, Return::Lost);
        }
    }

    pub fn heard(&mut self, controller: usize, node: usize, fence: Fence, answer: Answer) {
        self.note_settled(controller, node, &fence, &answer);
        if self.controllers[controller].takes_part(node) {
            self.tell(controller, News::Answer(name(node), fence, answer));
        } else {
            self.bring(controller, node, Return::Answer(fence, answer));
        }
    }

    pub fn note_settled(&mut self, controller: usize, node: usize, fence: &Fence, answer: &Answer) {
        let this = &self.controllers[controller];
        let Some(record) = this.course.as_ref().map(Rollout::record) else {
            return;
        };
        let concerns = record.id == fence.rollout && record.participants.contains_key(&name(node));
        let committed = record.phase.decision() == Some(Decision::Commit);
        if concerns && committed && *answer == Answer::Confirmed {
            let rollout = record.id;
            let target = self.store.target(node, record.to);
            self.note_confirmed(controller, node, Confirmed { rollout, target });
        }
        if concerns
            && *answer == Answer::RolledBack
            && let Some((_, hello)) = self.controllers[controller].roster.get_mut(&node)
        {
            hello.standing = Standing::Settled;
        }
    }

    pub fn note_confirmed(&mut self, controller: usize, node: usize, confirmed: Confirmed) {
        if let Some((_, hello)) = self.controllers[controller].roster.get_mut(&node) {
            hello.confirmed = confirmed;
            hello.standing = Standing::Settled;
        }
    }
}
