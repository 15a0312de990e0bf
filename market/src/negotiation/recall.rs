//! The copy of a side that was restored, made again from what the other side kept: every message of
//! a process in the order in which the other copy changed, each proven by its seal. What the other
//! copy became is played again as that side saw it, and turned round: the same function changes
//! both copies, so what comes out is what this side held.
//!
//! What this side heard and holds is never given up for what the other side says now.

use super::{Parties, Process, Step, consistent};
use crate::{
    agreement::Terms,
    message::{Body, Hashed, Message, MessageRefusal},
    subscription::{Side, State},
};

/// What follows from holding what the other side kept against what is held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The copy made again, with its effects, where this side had forgotten what it said. It has
    /// taken that many of the other side's list.
    pub recalled: Option<(Step, usize)>,
    /// Messages of the other side that this one has not taken, by their place in its list, in
    /// order: taken as letters are, because they may still want an answer.
    pub unheard: Vec<usize>,
}

impl Process {
    /// Reconciles the copy of `side` with what the other side kept. `held` are the messages kept
    /// here, in any order.
    ///
    /// Refused with [`MessageRefusal::Differs`] when the other side does not hold, or says
    /// otherwise, what it once said and this side holds, or knows nothing of an ending that is held
    /// here; and as a message is when one is missing or does not fit those before it. Then the two
    /// copies differ, and a person has to see it.
    pub fn reconcile(
        (parties, side): (&Parties, Side),
        held: &[Message],
        kept: &[Message],
    ) -> Result<Reconciled, MessageRefusal> {
        let held_as = |kept: &Message| {
            held.iter().find(|held| (held.from, held.seq) == (kept.from, kept.seq))
        };
        let otherwise = |message: &&Message| message.from != side;
        if let Some(other) = kept
            .iter()
            .filter(otherwise)
            .find(|kept| held_as(kept).is_some_and(|held| held != *kept))
        {
            return Err(MessageRefusal::Differs(other.seq));
        }
        let forgotten = kept
            .iter()
            .any(|kept| kept.from == side && held_as(kept).is_none_or(|held| held != kept));
        let heard_there = kept.iter().filter(otherwise).map(|kept| kept.seq).max().unwrap_or(0);
        let lost = held.iter().find(|held| held.from != side && held.seq > heard_there);
        if forgotten && let Some(lost) = lost {
            return Err(MessageRefusal::Differs(lost.seq));
        }
        let recalled = if forgotten { Self::recall(parties, side, kept)? } else { None };
        let goes_on = recalled.as_ref().is_some_and(|(step, _)| !step.process.state.is_over());
        let ended = held.iter().find(|held| held.body.is_ending());
        if goes_on && let Some(ended) = ended {
            return Err(MessageRefusal::Differs(ended.seq));
        }
        let played = recalled.as_ref().map_or(0, |(_, played)| *played);
        let unheard = kept
            .iter()
            .enumerate()
            .skip(played)
            .filter(|(_, kept)| kept.from != side && (forgotten || held_as(kept).is_none()))
            .map(|(at, _)| at)
            .collect();
        Ok(Reconciled { recalled, unheard })
    }

    /// Plays the messages up to the last one that `side` said, and tells how many those are.
    fn recall(
        parties: &Parties,
        side: Side,
        kept: &[Message],
    ) -> Result<Option<(Step, usize)>, MessageRefusal> {
        let Some(last) = kept.iter().rposition(|message| message.from == side) else {
            return Ok(None);
        };
        let played = last.saturating_add(1);
        let mut seen = Step::of(Self::opened(parties, side.other(), kept.first())?);
        for message in kept.iter().take(played) {
            seen.see(message)?;
        }
        let process = &mut seen.process;
        process.side = side;
        std::mem::swap(&mut process.sent_seq, &mut process.received_seq);
        let mut heard = kept.iter().take(played).filter(|message| message.from != side);
        process.heard_at = heard.next_back().map(|message| message.at);
        Ok(Some((seen, played)))
    }

    /// The copy before the first message, which is the request.
    fn opened(
        parties: &Parties,
        side: Side,
        first: Option<&Message>,
    ) -> Result<Self, MessageRefusal> {
        let (state, by) = (State::Requested, Side::Home);
        let illegal = |kind| MessageRefusal::Illegal { kind, by, state };
        let Some(message) = first else { return Err(illegal("nothing")) };
        match &message.body {
            Body::Request(request) if message.from == Side::Home => {
                Ok(Self::fresh(side, parties.clone(), (**request).clone(), message.at))
            }
            body => Err(illegal(body.kind())),
        }
    }

    /// An agreement is of this process and its parties: no third node takes it for its own.
    fn is_between(&self, body: &Body) -> Result<(), MessageRefusal> {
        let Body::Agreement(agreement) = body else { return Ok(()) };
        let named = (&agreement.subscription, &agreement.home, &agreement.provider);
        if named == (&self.id, &self.home, &self.provider) {
            Ok(())
        } else {
            Err(MessageRefusal::NotParty)
        }
    }

    /// What was confirmed by hash is what the copy holds: an agreement cannot be another than the
    /// one that was verified.
    fn names_what_is_held(&self, body: &Body, by: Side) -> Result<(), MessageRefusal> {
        let offered = || self.offer.as_ref().map(Terms::hash).unwrap_or_default();
        let (named, held) = match body {
            _ if self.state.is_over() => return Ok(()),
            Body::Acceptance(Hashed { hash }) => (hash, offered()),
            Body::Verification(Hashed { hash }) | Body::Finalization(Hashed { hash }) => {
                (hash, self.agreement_hash())
            }
            _ => return Ok(()),
        };
        let (kind, state) = (body.kind(), self.state);
        if *named == held { Ok(()) } else { Err(MessageRefusal::Illegal { kind, by, state }) }
    }
}

impl Step {
    /// Changes the copy as it changed when this message was said or heard.
    fn see(&mut self, message: &Message) -> Result<(), MessageRefusal> {
        let process = &mut self.process;
        if message.process != process.id {
            return Err(MessageRefusal::NotParty);
        }
        consistent(message)?;
        let is_heard = message.from != process.side;
        let seq = if is_heard { &mut process.received_seq } else { &mut process.sent_seq };
        let expected = seq.saturating_add(1);
        if message.seq != expected {
            return Err(MessageRefusal::Gap { expected, got: message.seq });
        }
        *seq = expected;
        process.names_what_is_held(&message.body, message.from)?;
        process.is_between(&message.body)?;
        let opens = message.from == Side::Home && message.seq == 1;
        let message = &process.as_of_receipt(message, message.at);
        if is_heard {
            process.heard_at = Some(message.at);
        }
        if process.state.is_over() && is_heard {
            process.take_late(message)?;
        } else if process.state.is_over() {
            // An ending that was not taken the first time is told again.
            if !message.body.is_ending() {
                let (kind, by, state) = (message.body.kind(), message.from, process.state);
                return Err(MessageRefusal::Illegal { kind, by, state });
            }
        } else if !opens {
            let effect = process.apply(message.from, &message.body)?;
            self.effects.extend(effect);
        }
        Ok(())
    }
}
