//! A person's word for a rollout, and the time that there is to say it.
//!
//! # Guarantees
//! A word that was taken is durable before it is answered for, and no leader asks for it again. The
//! time ends: every leader writes down each quarter of it, so that `n` changes of leader make it
//! longer by `n` quarters at most. No wall clock is asked.

use weft_model::clock::{Moment, Span};

use super::event::Now;
use super::machine::Rollout;
use super::policy::Confirm;
use super::record::{Consent, Given, Phase};

/// How often the time that has passed is written down while a person thinks.
const PARTS: u64 = 4;

impl Rollout {
    /// Whether a person has confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_by().is_some()
    }

    /// Who has confirmed.
    pub fn confirmed_by(&self) -> Option<&str> {
        let given = self.record.consent.given.as_ref();
        let given = given.map(|given| given.author.as_str());
        given.or(self.consent.as_deref())
    }

    /// Until when a person may confirm, once every node is verified.
    pub fn confirm_until(&self) -> Option<Moment> {
        let within = self.time_to_confirm()?;
        let left = Span(within.0.saturating_sub(self.waited.0));
        Some(self.verified_at?.after(left))
    }

    fn time_to_confirm(&self) -> Option<Span> {
        match (self.record.policy.confirm, &self.record.phase) {
            (Confirm::Manual { within }, Phase::Applying { .. }) => Some(within),
            (Confirm::Manual { .. } | Confirm::Auto, _) => None,
        }
    }

    /// Whether a person's word is to be made durable.
    pub(super) fn has_consent_to_write(&self) -> bool {
        self.consent.is_some() && self.record.consent.given.is_none()
    }

    /// When to write down how much of the time has passed.
    pub(super) fn next_mark(&self) -> Option<Moment> {
        let within = self.time_to_confirm().filter(|_| !self.is_confirmed())?;
        let part = within.0 / PARTS;
        let next = self.record.consent.waited.0.saturating_add(part);
        // The last part ends with the rollout.
        if part == 0 || next >= within.0 {
            return None;
        }
        let left = Span(next.saturating_sub(self.waited.0));
        Some(self.verified_at?.after(left))
    }

    /// Whether it is time to write that down.
    pub(super) fn is_marked(&self, now: Moment) -> bool {
        self.next_mark().is_some_and(|mark| mark <= now)
    }

    /// Puts into a write what is known at its time.
    pub(super) fn note_consent(&self, consent: &mut Consent, now: Now) {
        if let (None, Some(author)) = (&consent.given, &self.consent) {
            consent.given = Some(Given {
                author: author.clone(),
                at: now.wall,
            });
        } else if let (Some(within), Some(verified)) = (self.time_to_confirm(), self.verified_at) {
            let waited = self.waited.0.saturating_add(verified.until(now.steady).0);
            consent.waited = consent.waited.max(Span(waited.min(within.0)));
        }
    }
}
