//! What no machine decides: faults, people, the quiet at the end, and what must be shown.

use weft_core::rollout::event::{Event as News, Wish};
use weft_core::rollout::policy::Offline;
use weft_core::rollout::record::{Attempt, Consent, Decision, Phase, Record};
use weft_core::rollout::status::NodeProgress;
use weft_model::revision::{RevisionId, RolloutId, Timestamp};

use super::cluster::{Cluster, Happening};
use super::store::{name, place};

impl Cluster {
    pub fn fault(&mut self) {
        let Some(every) = self.setup.faults_every.filter(|_| !self.quiet) else {
            return;
        };
        let wait = self.chance.within(1, every * 2);
        self.later(wait, Happening::Fault);
        let node = self.chance.within(0, self.nodes.len() as u64 - 1) as usize;
        match self.chance.within(0, 19) {
            0..=6 => {
                if let Some(stream) = self.nodes[node].stream {
                    self.cut(stream);
                }
            }
            7..=11 => {
                self.seen.insert("partition");
                let wait = self.chance.within(1_000, 90_000);
                self.nodes[node].cut_off_until = self.now + wait;
                if let Some(stream) = self.nodes[node].stream {
                    self.cut(stream);
                }
            }
            12..=14 if self.nodes[node].session.is_some() => self.go_down(node, false),
            15 if self.nodes[node].session.is_some() => {
                self.seen.insert("reboot");
                self.go_down(node, true);
            }
            16 | 17 => {
                self.seen.insert("zombie");
                self.elect();
            }
            18 => {
                if let Some(controller) = self.current() {
                    self.kill_controller(controller);
                    self.later(3_000, Happening::Elect);
                }
            }
            _ => {}
        }
    }

    pub fn user(&mut self) {
        if self.quiet {
            return;
        }
        let wait = self.chance.within(1_000, 15_000);
        self.later(wait, Happening::User);
        let Some(controller) = self.current() else {
            return;
        };
        if self.store.active.is_none() {
            if self.rollouts_begun < self.setup.rollouts {
                self.open(controller);
            }
            return;
        }
        let wish = match self.chance.within(0, 19) {
            0 => Wish::Abort {
                author: "a person".to_owned(),
            },
            1 | 2 => Wish::Pause,
            3..=8 => Wish::Resume,
            _ => Wish::Confirm {
                author: "a person".to_owned(),
            },
        };
        self.tell(controller, News::User(wish));
    }

    pub fn open(&mut self, controller: usize) {
        let policy = self.policy();
        let this = &self.controllers[controller];
        let from = this.head;
        let last = self.store.plans[&from].clone();
        let next = RevisionId(self.rollouts_begun + 2);
        let mut tags = last.clone();
        if self.chance.hits(1_500) && from.0 > 1 {
            // Back to an earlier revision.
            tags = self.store.plans[&RevisionId(1)].clone();
        } else {
            for tag in &mut tags {
                if self.chance.hits(8_000) {
                    *tag = next.0;
                }
            }
        }
        let is_there = |node: &usize| {
            let digest = self.store.target(*node, from).digest;
            let there = self.controllers[controller].roster.get(node);
            there.is_some_and(|(_, hello)| hello.confirmed.target.digest == digest)
        };
        let changed = (0..tags.len()).filter(|node| tags[*node] != last[*node]);
        let (there, away): (Vec<_>, Vec<_>) = changed.partition(is_there);
        if policy.offline == Offline::RequireAll && !away.is_empty() {
            return;
        }
        if !away.is_empty() {
            self.seen.insert("deferred");
        }
        let names: Vec<_> = there.iter().map(|node| name(*node)).collect();
        self.rollouts_begun += 1;
        let id = RolloutId(self.rollouts_begun);
        let record = Record {
            id,
            from,
            to: next,
            participants: Record::assign(&policy, &names),
            deferred: away.iter().map(|node| name(*node)).collect(),
            policy,
            author: String::new(),
            message: String::new(),
            started: Timestamp(0),
            decided: None,
            consent: Consent::default(),
            phase: Phase::Preparing,
            attempt: Attempt {
                epoch: self.controllers[controller].epoch,
                number: 0,
            },
        };
        if self.store.create(record.clone(), tags) {
            self.began.insert(id, self.now);
            self.begin(controller, record);
        }
    }

    pub fn become_quiet(&mut self) {
        self.quiet = true;
        for node in 0..self.nodes.len() {
            self.nodes[node].cut_off_until = 0;
        }
        if self.current().is_none() {
            self.elect();
        }
        let last = self.controllers.len() - 1;
        for controller in 0..last {
            self.kill_controller(controller);
        }
        self.later(0, Happening::CutAll);
        if let Some(controller) = self.current() {
            self.tell(controller, News::User(Wish::Resume));
        }
    }

    pub fn check_status(&mut self, controller: usize) {
        let Some(course) = &self.controllers[controller].course else {
            return;
        };
        let record = course.record();
        let shown = record
            .phase
            .decision()
            .map(|decision| decision == Decision::Commit);
        let stored = self.store.decisions.get(&record.id).copied();
        let mut law = None;
        if shown.is_some() && shown != stored {
            law = Some(format!(
                "{} is shown and {stored:?} stored",
                course.phase_word()
            ));
        }
        for status in course.statuses() {
            let disk = &self.nodes[place(status.node)].disk;
            if status.progress == NodeProgress::Confirmed && disk.confirmed.rollout < record.id {
                law = Some(format!("node {} is shown as confirmed", status.node));
            }
        }
        if let Some(law) = law {
            self.break_law(law);
        }
    }
}
