//! Who may move a negotiation from where to where: the table of the Dataspace Protocol 2025-1, and
//! beyond it the changes of a contract in force.

use super::{Effect, Process};
use crate::{
    message::{Body, Message, MessageRefusal},
    subscription::{Ending, Side, State},
};

/// Whether a side may terminate a negotiation of its own accord. Whoever has the word may; while an
/// answer of the other side is certain to come, it may not.
pub fn may_terminate(state: State, side: Side) -> bool {
    match state {
        State::Requested | State::Offered => true,
        State::Accepted | State::Verified => side == Side::Provider,
        State::Agreed => side == Side::Home,
        State::Finalized | State::Terminated | State::Ended => false,
    }
}

impl Process {
    /// Changes this copy as a message of `by` says, or tells that it does not fit. Sender and
    /// receiver both go through here.
    pub(super) fn apply(
        &mut self,
        by: Side,
        body: &Body,
    ) -> Result<Option<Effect>, MessageRefusal> {
        let mut effect = None;
        match (self.state, by, body) {
            (State::Offered, Side::Home, Body::Request(request)) => {
                self.request = (**request).clone();
                self.offer = None;
            }
            (State::Requested, Side::Provider, Body::Offer(terms)) => {
                self.offer = Some((**terms).clone());
            }
            (State::Offered, Side::Home, Body::Acceptance(_))
            | (State::Agreed, Side::Home, Body::Verification(_))
            | (State::Verified, Side::Provider, Body::Finalization(_)) => {}
            (State::Requested | State::Accepted, Side::Provider, Body::Agreement(agreement)) => {
                self.ends_at = Some(agreement.ends_at);
                self.agreement = Some((**agreement).clone());
            }
            // Received from a side that may not say it of its own accord, a termination still tells
            // that the two copies differ, and a negotiation whose copies differ is over.
            (state, _, Body::Termination(ending)) if state < State::Finalized => {
                self.ending = Some(ending.clone());
            }
            (State::Finalized, _, Body::End(ending)) => self.ending = Some(ending.clone()),
            (State::Finalized, Side::Provider, Body::Cut(_)) => self.cut(body),
            (State::Finalized, Side::Home, Body::KeyIssued(grant)) => {
                effect = Some(Effect::KeyIssued(grant.clone()));
            }
            (State::Finalized, Side::Home, Body::KeyRevoked(revoked)) => {
                effect = Some(Effect::KeyRevoked(revoked.clone()));
            }
            (state, by, body) => {
                return Err(MessageRefusal::Illegal { kind: body.kind(), by, state });
            }
        }
        self.state = body.leads_to();
        Ok(effect)
    }

    /// Takes a message that was on its way while this side ended the process. Two endings that
    /// crossed become one: the earlier, of equals the home side's.
    pub(super) fn take_late(&mut self, message: &Message) -> Result<(), MessageRefusal> {
        let (state, body) = (self.state, &message.body);
        let ended_here = self.ending.as_ref().is_none_or(|ending| ending.by == self.side);
        match (state, body) {
            (State::Terminated, Body::Termination(other)) | (State::Ended, Body::End(other)) => {
                if self.ending.as_ref().is_none_or(|own| before(other, own)) {
                    self.ending = Some(other.clone());
                }
                Ok(())
            }
            (State::Ended, Body::Cut(_)) => {
                self.cut(body);
                Ok(())
            }
            (
                State::Terminated,
                Body::Request(_) | Body::Offer(_) | Body::Acceptance(_) | Body::Agreement(_),
            )
            | (State::Ended, Body::KeyIssued(_) | Body::KeyRevoked(_))
                if ended_here =>
            {
                Ok(())
            }
            _ => Err(MessageRefusal::Illegal { kind: body.kind(), by: message.from, state }),
        }
    }

    fn cut(&mut self, body: &Body) {
        if let Body::Cut(cut) = body {
            self.ends_at = self.ends_at.map(|end| end.min(cut.ends_at));
            self.notice = Some(cut.clone());
        }
    }
}

fn before(one: &Ending, other: &Ending) -> bool {
    (one.at, one.by) < (other.at, other.by)
}
