//! What a side says by itself when it has taken a message: the provider decides requests that need
//! no person, the home node takes offers that only shorten the term, checks the agreement word by
//! word, and both put it in force.

use lianshi_registry::{refusal::Refusal as _, time::Timestamp};

use super::{Step, whole_seconds};
use crate::{
    agreement::{AGREEMENT_VERSION, Agreement, Terms, hash_of},
    eligibility::{Offering, is_automatic, judge},
    message::{Body, CLOCK_SKEW_MS, Hashed},
    subscription::{Ending, Side},
};

impl Step {
    /// Answers a message that was just applied.
    pub(super) fn react(&mut self, body: &Body, offering: Option<&Offering>, now: Timestamp) {
        match body {
            Body::Request(_) => self.judge_request(offering, now),
            Body::Offer(terms) if !self.process.as_published(terms, offering, now) => {
                self.terminate("offer.not_as_published", "the catalog says other terms", now);
            }
            Body::Offer(terms) if self.only_shortens(terms) => {
                self.say(Body::Acceptance(Hashed { hash: terms.hash() }), now);
            }
            Body::Acceptance(accepted) => self.agree_as_offered(&accepted.hash, offering, now),
            Body::Agreement(agreement) => match self.difference(agreement, offering, now) {
                None => self.say(Body::Verification(Hashed { hash: agreement.hash() }), now),
                Some(what) => self.terminate("agreement.differs", what, now),
            },
            Body::Verification(verified) => {
                let hash = self.process.agreement_hash();
                if verified.hash == hash {
                    self.say(Body::Finalization(Hashed { hash }), now);
                } else {
                    self.terminate("agreement.hash_differs", "the hashes differ", now);
                }
            }
            Body::Finalization(finalized) if finalized.hash != self.process.agreement_hash() => {
                let ending = self.ending("agreement.hash_differs", "the hashes differ", now);
                self.say(Body::End(ending), now);
            }
            _ => {}
        }
    }

    fn judge_request(&mut self, offering: Option<&Offering>, now: Timestamp) {
        let own = offering.filter(|offering| offering.node == self.process.provider);
        match judge(&self.process.request, own, now) {
            Err(refusal) => self.terminate(refusal.code(), &refusal.to_string(), now),
            Ok(terms) if is_automatic(&terms.plan, &self.process.request) => {
                self.answer(terms, now);
            }
            Ok(_) => {}
        }
    }

    /// Agrees when the terms are those asked for, offers when they are not.
    pub(super) fn answer(&mut self, terms: Terms, now: Timestamp) {
        let as_asked = hash_of("plan", &terms.plan) == self.process.request.plan_hash;
        if as_asked && !terms.is_cut(now) {
            self.agree(terms, now);
        } else {
            self.say(Body::Offer(Box::new(terms)), now);
        }
    }

    fn agree_as_offered(&mut self, hash: &str, offering: Option<&Offering>, now: Timestamp) {
        let Some(offer) = self.process.offer.clone().filter(|offer| offer.hash() == hash) else {
            return self.terminate("offer.differs", "another offer was accepted", now);
        };
        match judge(&self.process.request, offering, now) {
            Err(refusal) => self.terminate(refusal.code(), &refusal.to_string(), now),
            Ok(terms) if terms == offer => self.agree(offer, now),
            Ok(_) => {
                self.terminate("offer.changed", "the terms changed since they were offered", now);
            }
        }
    }

    fn agree(&mut self, terms: Terms, now: Timestamp) {
        let process = &self.process;
        let starts_at = whole_seconds(now);
        let agreement = Agreement {
            v: AGREEMENT_VERSION,
            subscription: process.id.clone(),
            home: process.home.clone(),
            provider: process.provider.clone(),
            buyer: process.request.buyer.clone(),
            buyer_name: process.request.buyer_name.clone(),
            operator: process.request.operator.clone(),
            product: process.request.product.clone(),
            ends_at: terms.end_of_term(starts_at),
            terms,
            starts_at,
        };
        self.say(Body::Agreement(Box::new(agreement)), now);
    }

    /// Whether an offer is what was asked for but for an earlier end, which everyone who asks is
    /// told to expect.
    fn only_shortens(&self, terms: &Terms) -> bool {
        let request = &self.process.request;
        self.process.side == Side::Home
            && hash_of("plan", &terms.plan) == request.plan_hash
            && terms.months == request.months
            && terms.purpose == request.purpose
            && terms.purpose_note == request.purpose_note
    }

    /// The first word of an agreement that is not as negotiated.
    fn difference(
        &self,
        agreement: &Agreement,
        offering: Option<&Offering>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let (process, request) = (&self.process, &self.process.request);
        let terms = &agreement.terms;
        let negotiated = match &process.offer {
            Some(offer) => terms == offer,
            None => self.only_shortens(terms) && !terms.is_cut(agreement.starts_at),
        };
        let (earliest, latest) =
            (process.requested_at.plus_millis(-CLOCK_SKEW_MS), now.plus_millis(CLOCK_SKEW_MS));
        let in_time = earliest <= agreement.starts_at && agreement.starts_at <= latest;
        let published = process.as_published(terms, offering, agreement.starts_at);
        let checks = [
            (agreement.v == AGREEMENT_VERSION, "the version"),
            (agreement.subscription == process.id, "the subscription"),
            (agreement.home == process.home, "the home node"),
            (agreement.provider == process.provider, "the provider node"),
            (agreement.buyer == request.buyer, "the buyer"),
            (agreement.buyer_name == request.buyer_name, "the buyer's name"),
            (agreement.operator == request.operator, "the operator"),
            (agreement.product == request.product, "the product"),
            (terms.plan.product == request.product, "the plan's product"),
            (negotiated, "the terms"),
            (in_time, "the beginning of the term"),
            (published, "what the catalog says"),
            (agreement.ends_at == terms.end_of_term(agreement.starts_at), "the end of the term"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
    }

    pub(super) fn terminate(&mut self, code: &str, text: &str, now: Timestamp) {
        let ending = self.ending(code, text, now);
        self.say(Body::Termination(ending), now);
    }

    pub(super) fn ending(&self, code: &str, text: &str, now: Timestamp) -> Ending {
        Ending {
            by: self.process.side,
            code: code.to_owned(),
            text: text.to_owned(),
            at: whole_seconds(now),
        }
    }
}
