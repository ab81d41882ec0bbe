//! Telling the daemons what was decided, and giving them their old text back.
//!
//! # Guarantees
//! A saying that is refused leaves every daemon with the text that it had before. What is about to
//! be written is noted as ours before it is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::plan::frr::text::Place;
use weft_node::frr::config::Config;
use weft_node::frr::daemon::Daemon;
use weft_node::frr::difference::{SeenFrr, difference};
use weft_node::frr::grammar::slot;
use weft_node::frr::step::{Act, Saying, Written};
use weft_node::frr::want::Want;

use super::{Frr, talk, vtysh};

impl Frr {
    /// Tells the daemons, in order.
    ///
    /// # Errors
    /// Which was refused, and why. Then the daemons have what they had before.
    pub async fn tell(&mut self, sayings: &[&Saying]) -> Result<(), (usize, String)> {
        let first = |error: &dyn std::error::Error| (0, error.to_string());
        let mut about = self.kept.written.clone();
        for command in sayings.iter().flat_map(|saying| &saying.commands) {
            match &command.act {
                Act::Add(line) => about.lines.add(&command.place, line.as_str()),
                Act::Open => drop(about.made.insert(command.place.clone())),
                Act::Remove(_) | Act::Forget(_) | Act::Close => {}
            }
        }
        let was = std::mem::replace(&mut self.kept.written, about);
        let noted = self.kept.write(&self.settings.kept);
        noted.map_err(|error| first(&error))?;
        let before: BTreeMap<Daemon, Arc<Config>> = self
            .sessions
            .iter()
            .map(|(daemon, session)| (*daemon, Arc::clone(&session.config)))
            .collect();
        for (place, saying) in sayings.iter().enumerate() {
            if let Err(why) = self.tell_one(saying).await {
                let left = self.put_back(&before).await;
                if left.is_empty() {
                    self.kept.written = was;
                    let noted = self.kept.write(&self.settings.kept);
                    noted.map_err(|error| first(&error))?;
                    return Err((place, why));
                }
                let left = left.join("; ");
                return Err((place, format!("{why}; and could not be put back: {left}")));
            }
        }
        self.read().await;
        // All else is noted and read already.
        if self.note_silent(sayings) {
            let noted = self.kept.write(&self.settings.kept);
            noted.map_err(|error| first(&error))?;
            self.seen = self.together().await.map(Arc::new);
        }
        Ok(())
    }

    async fn tell_one(&mut self, saying: &Saying) -> Result<(), String> {
        if saying.daemon == Daemon::All {
            let mut texts = vec!["configure terminal".to_owned()];
            for command in &saying.commands {
                let (place, text) = command.words();
                texts.extend(place.headers().iter().cloned());
                texts.extend(text);
                texts.extend(place.headers().iter().map(|_| "exit".to_owned()));
            }
            let said = vtysh::tell(&self.settings, &texts).await;
            return said.map_err(|error| error.to_string());
        }
        // Taken out, so that a connection that this is dropped on is never used again.
        let Some(mut session) = self.sessions.remove(&saying.daemon) else {
            return Err(format!("FRR's {} is not running", saying.daemon));
        };
        let said = talk::say(&mut session.vty, saying).await;
        if !matches!(said, Err(talk::TalkError::Vty(_))) {
            self.sessions.insert(saying.daemon, session);
        }
        said.map_err(|error| error.to_string())
    }

    /// Gives the daemons the text that they had; says what that failed for.
    async fn put_back(&mut self, before: &BTreeMap<Daemon, Arc<Config>>) -> Vec<String> {
        self.read().await;
        let version = self.seen.as_ref().map(|seen| seen.version);
        let mut left = Vec::new();
        for (daemon, had) in before {
            let (Some(version), Some(session)) = (version, self.sessions.get(daemon)) else {
                continue;
            };
            if session.config == *had {
                continue;
            }
            let now = Config::clone(&session.config);
            let seen = SeenFrr {
                version,
                written: Written {
                    made: now.sections().map(|(place, _)| place.clone()).collect(),
                    lines: now.clone(),
                },
                running: [(*daemon, now)].into(),
                silent: BTreeMap::new(),
            };
            let want = Want {
                config: Config::clone(had),
                ..Want::default()
            };
            for saying in difference(&want, &seen).sayings {
                if let Err(why) = self.tell_one(&saying).await {
                    left.push(why);
                }
            }
        }
        self.read().await;
        left
    }

    /// Notes what daemons took and do not show; says whether that is other than what was noted.
    fn note_silent(&mut self, sayings: &[&Saying]) -> bool {
        let was = self.kept.silent.clone();
        for saying in sayings {
            let Some(session) = self.sessions.get(&saying.daemon) else {
                continue;
            };
            let key = saying.daemon.as_str().to_owned();
            let entry = self.kept.silent.entry(key);
            let (identity, silent) = entry.or_insert_with(|| (session.identity, Config::default()));
            if *identity != session.identity {
                (*identity, *silent) = (session.identity, Config::default());
            }
            for command in &saying.commands {
                match &command.act {
                    Act::Add(line) if session.config.has(&command.place, line) => {
                        forget_same(silent, &command.place, line);
                    }
                    Act::Add(line) => {
                        forget_same(silent, &command.place, line);
                        silent.add(&command.place, line.as_str());
                    }
                    Act::Remove(line) => drop(silent.remove(&command.place, line)),
                    Act::Close => silent.remove_section(&command.place),
                    Act::Open | Act::Forget(_) => {}
                }
            }
        }
        self.kept.silent != was
    }
}

/// Takes out whatever says something of the same thing.
fn forget_same(config: &mut Config, place: &Place, line: &str) {
    let (of, _) = slot(place, line);
    let lines = config.lines(place);
    let same: Vec<String> = lines
        .filter(|other| slot(place, other).0 == of)
        .map(str::to_owned)
        .collect();
    for other in same {
        config.remove(place, &other);
    }
}
