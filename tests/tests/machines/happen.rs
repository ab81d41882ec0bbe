//! What comes of each happening.

use weft_core::rollout::event::{Event as News, Outcome};
use weft_node::session::event::Event;

use super::cluster::{Cluster, Happening, Stream};

impl Cluster {
    pub fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Down {
                stream,
                fence,
                command,
            } => {
                let node = self.streams[stream].node;
                if !self.is_broken(stream) && self.nodes[node].stream == Some(stream) {
                    self.command(node, fence, command);
                }
            }
            Happening::Stray {
                node,
                fence,
                command,
            } => self.command(node, fence, command),
            Happening::Greet { stream, hello } => self.arrive(stream, hello),
            Happening::Up {
                stream,
                fence,
                answer,
            } => {
                let Stream {
                    node, controller, ..
                } = self.streams[stream];
                let on = self.controllers[controller]
                    .roster
                    .get(&node)
                    .map(|(on, _)| *on);
                if !self.is_broken(stream) && on == Some(stream) {
                    self.heard(controller, node, fence, answer);
                }
            }
            Happening::Echo {
                controller,
                node,
                fence,
                answer,
            } => {
                if self.controllers[controller].alive {
                    self.heard(controller, node, fence, answer);
                }
            }
            Happening::ControllerSeesCut { stream } => self.leave(stream),
            Happening::NodeSeesCut { stream } => {
                let node = self.streams[stream].node;
                if self.nodes[node].stream == Some(stream) {
                    self.nodes[node].stream = None;
                    self.later(50, Happening::Connect { node });
                }
            }
            Happening::Connect { node } => self.connect(node),
            Happening::Timer { node, timer } => {
                if self.nodes[node].timers == timer {
                    self.step(node, Event::Timer);
                }
            }
            Happening::Work { node, job, fails } => self.finish(node, job, fails),
            Happening::Start { node } => self.start(node),
            Happening::Land { controller, write } => {
                let rollout = write.record.id;
                self.check_write(&write);
                let outcome = match self.store.land(&write) {
                    Ok(outcome) => outcome,
                    Err(law) => return self.break_law(law),
                };
                if outcome == Outcome::Won {
                    self.check_landed(&write.record);
                }
                let lost = !self.quiet && self.setup.faults_every.is_some();
                let lost = lost && self.chance.hits(500);
                let outcome = if lost { Outcome::Unknown } else { outcome };
                let wait = self.delay();
                self.later(
                    wait,
                    Happening::Written {
                        controller,
                        rollout,
                        outcome,
                    },
                );
            }
            Happening::Written {
                controller,
                rollout,
                outcome,
            } => {
                self.tell_of(controller, rollout, News::Written(outcome));
            }
            Happening::Look {
                controller,
                rollout,
            } => {
                let record = Box::new(self.store.records[&rollout].clone());
                let wait = self.delay();
                self.later(wait, Happening::Read { controller, record });
            }
            Happening::Read { controller, record } => {
                self.tell_of(controller, record.id, News::Read(record));
            }
            Happening::Tick { controller, tick } => self.tick(controller, tick),
            Happening::Elect => self.elect(),
            Happening::Fault => self.fault(),
            Happening::User => self.user(),
            Happening::Quiet => self.become_quiet(),
            Happening::CutAll => {
                for stream in 0..self.streams.len() {
                    self.cut(stream);
                }
                for node in 0..self.nodes.len() {
                    self.step(node, Event::Retry);
                }
                self.later(400_000, Happening::CutAll);
            }
        }
    }
}
