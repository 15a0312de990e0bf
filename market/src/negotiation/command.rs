//! What people, the catalog and the post cause: decisions, endings, keys, and messages the other
//! side would not take.

use lianshi_registry::{text::Kind, time::Timestamp};

use super::{Process, Step, may_terminate};
use crate::{
    eligibility::{Consequence, Offering, SubscriptionRefusal, judge, read_note},
    key::{KEYS_ACTIVE_MAX, KeyGrant},
    message::{Body, Cut, Hashed, KeyRevoked},
    subscription::{Side, State},
};

/// Something to be done with a subscription on this side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Provider: meets the request.
    Approve,
    /// Provider: does not meet it; the enterprise reads why.
    Refuse {
        /// Why.
        text: String,
    },
    /// Home: takes the offer.
    Accept,
    /// Home: does not take it.
    Decline {
        /// Why.
        text: String,
    },
    /// Either: withdraws from the negotiation or ends the contract.
    End {
        /// Why.
        text: String,
    },
    /// Provider: what the product rests on changed.
    Follow(Consequence),
    /// Home: a new key.
    IssueKey(KeyOrder),
    /// Home: takes a key back.
    RevokeKey(KeyRevoked),
    /// Either: the other side will never take one of our messages, so the copies differ.
    GiveUp(Rejection),
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOrder {
    /// The key.
    pub grant: KeyGrant,
    /// Valid keys the subscription has already.
    pub active: usize,
}

/// A message the other side refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its sequence; later messages were not taken either.
    pub seq: u64,
    /// Whether it told the end of the process.
    pub was_final: bool,
    /// The code of the refusal.
    pub code: String,
    /// The refusal in words.
    pub text: String,
}

impl Process {
    /// Carries out a command, or says why not. The offering is asked for an approval only.
    pub fn command(
        &self,
        command: Command,
        offering: Option<&Offering>,
        now: Timestamp,
    ) -> Result<Step, SubscriptionRefusal> {
        let mut step = Step::of(self.clone());
        match command {
            Command::Approve => {
                self.require(Side::Provider, State::Requested)?;
                let terms = judge(&self.request, offering, now)?;
                step.answer(terms, now);
            }
            Command::Refuse { text } => {
                self.require(Side::Provider, State::Requested)?;
                let text = read_note(&text, SubscriptionRefusal::ReasonMissing)?;
                step.terminate("provider.refused", &text, now);
            }
            Command::Accept => {
                self.require(Side::Home, State::Offered)?;
                let offer = self.offer.as_ref().ok_or(SubscriptionRefusal::AwaitsOtherSide)?;
                step.say(Body::Acceptance(Hashed { hash: offer.hash() }), now);
            }
            Command::Decline { text } => {
                self.require(Side::Home, State::Offered)?;
                let text = read_note(&text, SubscriptionRefusal::ReasonMissing)?;
                step.terminate("buyer.declined", &text, now);
            }
            Command::End { text } => step.end(&text, now)?,
            Command::Follow(consequence) => {
                self.require(Side::Provider, State::Finalized)?;
                step.follow(consequence, now);
            }
            Command::IssueKey(order) => {
                self.require_key(&order, now)?;
                step.say(Body::KeyIssued(order.grant), now);
            }
            Command::RevokeKey(revoked) => {
                self.require(Side::Home, State::Finalized)?;
                step.say(Body::KeyRevoked(revoked), now);
            }
            Command::GiveUp(rejection) => step.give_up(&rejection, now),
        }
        Ok(step)
    }

    fn require(&self, side: Side, state: State) -> Result<(), SubscriptionRefusal> {
        if self.side != side {
            return Err(SubscriptionRefusal::Unknown);
        }
        if self.state == state {
            Ok(())
        } else {
            Err(SubscriptionRefusal::NotInState { state: self.state })
        }
    }

    fn require_key(&self, order: &KeyOrder, now: Timestamp) -> Result<(), SubscriptionRefusal> {
        if self.side != Side::Home {
            return Err(SubscriptionRefusal::Unknown);
        }
        if !self.in_force(now) {
            return Err(SubscriptionRefusal::NotInForce);
        }
        if Kind::Label.check(&order.grant.label).is_err() {
            return Err(SubscriptionRefusal::KeyLabel);
        }
        if order.active >= KEYS_ACTIVE_MAX {
            return Err(SubscriptionRefusal::TooManyKeys(order.active));
        }
        Ok(())
    }
}

impl Step {
    fn end(&mut self, text: &str, now: Timestamp) -> Result<(), SubscriptionRefusal> {
        let text = &read_note(text, SubscriptionRefusal::ReasonMissing)?;
        let (state, side) = (self.process.state, self.process.side);
        if state.is_over() {
            return Err(SubscriptionRefusal::NotInState { state });
        }
        if state == State::Finalized {
            let code = match side {
                Side::Home => "buyer.ended",
                Side::Provider => "provider.ended",
            };
            let ending = self.ending(code, text, now);
            self.say(Body::End(ending), now);
        } else if may_terminate(state, side) {
            let code = match side {
                Side::Home => "buyer.withdrew",
                Side::Provider => "provider.refused",
            };
            self.terminate(code, text, now);
        } else {
            return Err(SubscriptionRefusal::AwaitsOtherSide);
        }
        Ok(())
    }

    fn follow(&mut self, consequence: Consequence, now: Timestamp) {
        match consequence {
            Consequence::End { code, text } => {
                let ending = self.ending(code, &text, now);
                self.say(Body::End(ending), now);
            }
            Consequence::Cut { ends_at, code, text } => {
                if self.process.ends_at.is_some_and(|end| ends_at < end) {
                    self.say(Body::Cut(Cut { ends_at, code: code.to_owned(), text }), now);
                }
            }
        }
    }

    /// The messages from `seq` on were never taken. The process is over here, and the other side is
    /// told in their place, unless that is what it refused.
    fn give_up(&mut self, rejection: &Rejection, now: Timestamp) {
        let process = &mut self.process;
        if rejection.seq == 0 || rejection.seq > process.sent_seq {
            return;
        }
        process.sent_seq = rejection.seq.saturating_sub(1);
        if rejection.was_final {
            return;
        }
        if process.state.is_over() {
            self.tell_ending_again(now);
            return;
        }
        let in_force = process.state == State::Finalized;
        let text = format!("{}: {}", rejection.code, rejection.text);
        let ending = self.ending("message.refused", &text, now);
        self.say(if in_force { Body::End(ending) } else { Body::Termination(ending) }, now);
    }

    fn tell_ending_again(&mut self, now: Timestamp) {
        let own = self.process.ending.clone().filter(|ending| ending.by == self.process.side);
        let Some(ending) = own else { return };
        let body = match self.process.state {
            State::Ended => Body::End(ending),
            _ => Body::Termination(ending),
        };
        self.repeat(body, now);
    }
}
