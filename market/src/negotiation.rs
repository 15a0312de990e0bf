//! The negotiation of one subscription as a pure state machine, seen from one side. The states and
//! who may move between them are those of the Dataspace Protocol 2025-1 (`transition`); a message
//! changes the copy of its sender and that of its receiver by the same function, so the copies
//! cannot drift apart. What people and the catalog cause is in `command`, what a message
//! causes is in `reaction`.

mod command;
mod fees;
mod reaction;
mod recall;
mod transition;

pub use command::{Command, KeyOrder, Rejection};
pub use recall::Reconciled;
pub use transition::may_terminate;

use lianshi_registry::{id::NodeName, time::Timestamp};

use crate::{
    agreement::{Agreement, Terms},
    eligibility::{Offering, Request, SubscriptionRefusal, judge},
    key::KeyGrant,
    message::{Body, CLOCK_SKEW_MS, Cut, KeyRevoked, Message, MessageRefusal},
    subscription::{Ending, Side, State, SubscriptionId},
};

/// One side's copy of a negotiation and of the contract that came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The subscription.
    pub id: SubscriptionId,
    /// Whose copy this is.
    pub side: Side,
    /// Node of the enterprise.
    pub home: NodeName,
    /// Node of the product.
    pub provider: NodeName,
    /// Where it stands.
    pub state: State,
    /// Sequence of the last message this side said; 0 for none.
    pub sent_seq: u64,
    /// Sequence of the last message taken from the other side; 0 for none.
    pub received_seq: u64,
    /// What the enterprise asked for.
    pub request: Request,
    /// When it asked.
    pub requested_at: Timestamp,
    /// What the provider offered instead.
    pub offer: Option<Terms>,
    /// The contract.
    pub agreement: Option<Agreement>,
    /// First instant after the term, after cuts.
    pub ends_at: Option<Timestamp>,
    /// The latest cut of the term.
    pub notice: Option<Cut>,
    /// How it came to an end.
    pub ending: Option<Ending>,
    /// When the newest message taken from the other side was written, as it says; `None` before.
    pub heard_at: Option<Timestamp>,
}

/// What follows from a command or a message: the new copy, what to say, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The copy after it.
    pub process: Process,
    /// Messages for the other side, in order.
    pub send: Vec<Message>,
    /// Changes beside the process.
    pub effects: Vec<Effect>,
}

/// A change beside the process itself, to be made on either side alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A key becomes valid.
    KeyIssued(KeyGrant),
    /// A key is taken back.
    KeyRevoked(KeyRevoked),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It came before: acknowledged, nothing changes.
    Repeat,
    /// It was taken.
    Step(Box<Step>),
}

/// The parties of a new negotiation.
#[derive(Debug, Clone)]
pub struct Parties {
    /// The subscription.
    pub id: SubscriptionId,
    /// Node of the enterprise.
    pub home: NodeName,
    /// Node of the product.
    pub provider: NodeName,
}

impl Process {
    /// The home node opens a negotiation, when the request can be met as far as it knows.
    pub fn open(
        parties: Parties,
        request: Request,
        offering: Option<&Offering>,
        now: Timestamp,
    ) -> Result<Step, SubscriptionRefusal> {
        judge(&request, offering, now)?;
        let process = Self::fresh(Side::Home, parties, request.clone(), now);
        let mut step = Step::of(process);
        step.say(Body::Request(Box::new(request)), now);
        Ok(step)
    }

    /// The provider takes the first message of a negotiation it does not know.
    pub fn receive_first(
        parties: Parties,
        message: &Message,
        offering: Option<&Offering>,
        now: Timestamp,
    ) -> Result<Step, MessageRefusal> {
        if message.seq != 1 {
            return Err(MessageRefusal::Gap { expected: 1, got: message.seq });
        }
        let Body::Request(request) = &message.body else {
            let (kind, by, state) = (message.body.kind(), message.from, State::Requested);
            return Err(MessageRefusal::Illegal { kind, by, state });
        };
        if message.from != Side::Home || message.process != parties.id {
            return Err(MessageRefusal::NotParty);
        }
        consistent(message)?;
        let fresh = Self::fresh(Side::Provider, parties, (**request).clone(), message.at);
        let mut step = Step::of(Self { received_seq: 1, heard_at: Some(message.at), ..fresh });
        step.react(&message.body, offering, now);
        Ok(step)
    }

    /// Takes a message of the other side. The offering is what the own catalog says of the product:
    /// the provider answers by it, and the home node holds terms and contracts against it. While
    /// they differ and its catalog may still be behind, a message of the provider waits.
    pub fn receive(
        &self,
        message: &Message,
        offering: Option<&Offering>,
        now: Timestamp,
    ) -> Result<Received, MessageRefusal> {
        if message.process != self.id || message.from == self.side {
            return Err(MessageRefusal::NotParty);
        }
        if message.seq <= self.received_seq {
            return Ok(Received::Repeat);
        }
        let expected = self.received_seq.saturating_add(1);
        if message.seq != expected {
            return Err(MessageRefusal::Gap { expected, got: message.seq });
        }
        consistent(message)?;
        self.check_time(&message.body, now)?;
        self.check_catalog(message, offering)?;
        let message = &self.as_of_receipt(message, now);
        let heard_at = Some(message.at);
        let mut step = Step::of(Self { received_seq: message.seq, heard_at, ..self.clone() });
        if self.state.is_over() {
            step.process.take_late(message)?;
        } else {
            let effect = step.process.apply(message.from, &message.body)?;
            step.effects.extend(effect);
            step.react(&message.body, offering, now);
        }
        Ok(Received::Step(Box::new(step)))
    }

    /// Nothing begins or ends later than now.
    fn check_time(&self, body: &Body, now: Timestamp) -> Result<(), MessageRefusal> {
        let at = match body {
            Body::Termination(ending) | Body::End(ending) => ending.at,
            Body::Agreement(agreement) => agreement.starts_at,
            _ => return Ok(()),
        };
        if at > now.plus_millis(CLOCK_SKEW_MS) && !self.state.is_over() {
            return Err(MessageRefusal::Ahead { at });
        }
        Ok(())
    }

    /// The message; an ending from before there was anything to end, or from before what the same
    /// side said last, counts from its receipt.
    fn as_of_receipt(&self, message: &Message, now: Timestamp) -> Message {
        let mut message = message.clone();
        let began = match (&message.body, &self.agreement) {
            (Body::End(_), Some(agreement)) => agreement.starts_at,
            _ => self.requested_at,
        };
        let heard_at = self.heard_at.filter(|_| message.from != self.side);
        let began = heard_at.map_or(began, |heard_at| heard_at.max(began));
        if let Body::Termination(ending) | Body::End(ending) = &mut message.body
            && ending.at < began.plus_millis(-CLOCK_SKEW_MS)
        {
            ending.at = whole_seconds(now);
        }
        message
    }

    /// What the provider offers or agrees to is what the catalog says, or the catalog held here is
    /// as new as the message, so that the difference is one.
    fn check_catalog(
        &self,
        message: &Message,
        offering: Option<&Offering>,
    ) -> Result<(), MessageRefusal> {
        let (terms, at) = match &message.body {
            Body::Offer(terms) => (&**terms, message.at),
            Body::Agreement(agreement) => (&agreement.terms, agreement.starts_at),
            _ => return Ok(()),
        };
        let is_current = offering
            .and_then(|offering| offering.confirmed_at)
            .is_some_and(|confirmed| confirmed >= message.at.plus_millis(CLOCK_SKEW_MS));
        if self.side == Side::Provider
            || self.state.is_over()
            || is_current
            || self.as_published(terms, offering, at)
        {
            return Ok(());
        }
        Err(MessageRefusal::CatalogBehind(self.request.product.clone()))
    }

    /// Whether terms are those that the catalog gives whoever asks for this.
    fn as_published(&self, terms: &Terms, offering: Option<&Offering>, at: Timestamp) -> bool {
        judge(&self.request, offering, at).is_ok_and(|published| published == *terms)
    }

    /// The node of the other side.
    pub fn other_node(&self) -> &NodeName {
        match self.side {
            Side::Home => &self.provider,
            Side::Provider => &self.home,
        }
    }

    /// Hash of the agreement in hexadecimal; empty before.
    pub fn agreement_hash(&self) -> String {
        self.agreement.as_ref().map_or_else(String::new, Agreement::hash)
    }

    /// Whether calls are served at `now`, as far as the contract is concerned.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.state == State::Finalized && self.ends_at.is_some_and(|end| now < end)
    }

    fn fresh(side: Side, parties: Parties, request: Request, at: Timestamp) -> Self {
        Self {
            id: parties.id,
            side,
            home: parties.home,
            provider: parties.provider,
            state: State::Requested,
            sent_seq: 0,
            received_seq: 0,
            request,
            requested_at: whole_seconds(at),
            offer: None,
            agreement: None,
            ends_at: None,
            notice: None,
            ending: None,
            heard_at: None,
        }
    }
}

impl Step {
    fn of(process: Process) -> Self {
        Self { process, send: Vec::new(), effects: Vec::new() }
    }

    /// Says something that is known to fit: changes the own copy as the other side's will be.
    fn say(&mut self, body: Body, now: Timestamp) {
        let process = &mut self.process;
        // The opening request finds the fresh copy as it leaves it.
        if !matches!(body, Body::Request(_)) {
            match process.apply(process.side, &body) {
                Ok(effect) => self.effects.extend(effect),
                Err(refusal) => {
                    debug_assert!(false, "what a side says fits its own state: {refusal}");
                    return;
                }
            }
        }
        self.repeat(body, now);
    }

    /// Puts a message on its way without changing the copy.
    fn repeat(&mut self, body: Body, now: Timestamp) {
        let process = &mut self.process;
        process.sent_seq = process.sent_seq.saturating_add(1);
        self.send.push(Message {
            process: process.id.clone(),
            from: process.side,
            seq: process.sent_seq,
            state: body.leads_to(),
            at: whole_seconds(now),
            body,
        });
    }
}

/// Its texts may be kept and shown, and parts of it that say the same agree.
fn consistent(message: &Message) -> Result<(), MessageRefusal> {
    message.check_texts()?;
    let told_by = match &message.body {
        Body::Termination(ending) | Body::End(ending) => ending.by,
        _ => message.from,
    };
    if message.state == message.body.leads_to() && told_by == message.from {
        Ok(())
    } else {
        Err(MessageRefusal::Malformed("its parts contradict each other".to_owned()))
    }
}

/// Messages carry whole seconds; what is kept must be what was sent.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.seconds().saturating_mul(1000))
}

#[cfg(test)]
mod tests;
