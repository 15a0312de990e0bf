//! The texts of a message: each is what it is meant to be, because pages of the other node show
//! them. Bodies are taken apart member by member, so that a new one cannot be forgotten here.

use lianshi_registry::{
    entry::{Plan, Texts},
    text::{DESCRIPTION_CHARS_MAX, Kind, TextRefusal, plain},
    uscc::Uscc,
};

use super::{Body, Cut, Hashed, KeyRevoked, Message, MessageRefusal};
use crate::{
    agreement::{Agreement, Terms},
    eligibility::Request,
    key::KeyGrant,
    subscription::Ending,
};

type Checked = Result<(), MessageRefusal>;

impl Message {
    /// Whether every text in it may be kept and shown.
    pub fn check_texts(&self) -> Checked {
        let Self { process: _, from: _, seq: _, state: _, at: _, body } = self;
        match body {
            Body::Request(body) => request(body),
            Body::Offer(body) => terms(body),
            Body::Agreement(body) => agreement(body),
            Body::Acceptance(Hashed { hash })
            | Body::Verification(Hashed { hash })
            | Body::Finalization(Hashed { hash }) => maybe(Kind::Reference, "hash", hash),
            Body::Termination(Ending { by: _, code, text, at: _ })
            | Body::End(Ending { by: _, code, text, at: _ })
            | Body::Cut(Cut { ends_at: _, code, text }) => said(code, text),
            Body::KeyIssued(body) => key(body),
            Body::KeyRevoked(KeyRevoked { id, at: _ }) => text(Kind::Reference, "id", id),
        }
    }
}

fn malformed(member: &str, refusal: TextRefusal) -> MessageRefusal {
    MessageRefusal::Malformed(format!("`{member}` {refusal}"))
}

fn text(kind: Kind, member: &str, text: &str) -> Checked {
    kind.check(text).map_err(|refusal| malformed(member, refusal))
}

fn maybe(kind: Kind, member: &str, text: &str) -> Checked {
    kind.check_optional(text).map_err(|refusal| malformed(member, refusal))
}

fn texts(kind: Kind, member: &str, Texts { zh, en }: &Texts) -> Checked {
    maybe(kind, member, zh)?;
    maybe(kind, member, en)
}

fn office(member: &str, code: &Uscc) -> Checked {
    code.check().map_err(|error| MessageRefusal::Malformed(format!("`{member}`: {error}")))
}

/// Why something ended: words of people, or of a refusal, which may be longer.
fn said(code: &str, words: &str) -> Checked {
    text(Kind::Reference, "code", code)?;
    plain(words).map_err(|refusal| malformed("text", refusal))?;
    let chars = words.chars().count();
    let max = DESCRIPTION_CHARS_MAX;
    if chars > max { Err(malformed("text", TextRefusal::TooLong { chars, max })) } else { Ok(()) }
}

fn request(body: &Request) -> Checked {
    let Request {
        product: _,
        product_name,
        operator,
        plan,
        plan_hash,
        purpose: _,
        purpose_note,
        months: _,
        buyer,
        buyer_name,
        second_reason,
    } = body;
    texts(Kind::Name, "product_name", product_name)?;
    office("operator", operator)?;
    text(Kind::Code, "plan", plan)?;
    maybe(Kind::Reference, "plan_hash", plan_hash)?;
    text(Kind::Note, "purpose_note", purpose_note)?;
    maybe(Kind::Note, "second_reason", second_reason)?;
    office("buyer", buyer)?;
    text(Kind::Name, "buyer_name", buyer_name)
}

fn terms(body: &Terms) -> Checked {
    let Terms {
        product_version,
        plan: offered,
        purpose: _,
        purpose_note,
        forbidden_uses,
        months: _,
        ends_by: _,
        guard: _,
        authorization: _,
        ruleset,
        split_version: _,
        split_hash,
    } = body;
    text(Kind::Label, "product_version", product_version)?;
    plan(offered)?;
    text(Kind::Note, "purpose_note", purpose_note)?;
    texts(Kind::Description, "forbidden_uses", forbidden_uses)?;
    maybe(Kind::Reference, "ruleset", ruleset)?;
    maybe(Kind::Reference, "split_hash", split_hash)
}

fn plan(body: &Plan) -> Checked {
    let Plan {
        product: _,
        code,
        name,
        purpose: _,
        charge: _,
        calls_per_month_max: _,
        calls_per_minute_max: _,
        term_months_max: _,
        automatic_approval: _,
        qualifies: _,
    } = body;
    text(Kind::Code, "code", code)?;
    texts(Kind::Name, "name", name)
}

fn agreement(body: &Agreement) -> Checked {
    let Agreement {
        v: _,
        subscription: _,
        home: _,
        provider: _,
        buyer,
        buyer_name,
        operator,
        product: _,
        terms: agreed,
        starts_at: _,
        ends_at: _,
    } = body;
    office("buyer", buyer)?;
    text(Kind::Name, "buyer_name", buyer_name)?;
    office("operator", operator)?;
    terms(agreed)
}

fn key(body: &KeyGrant) -> Checked {
    let KeyGrant { id, label, prefix, hash: _, created_at: _, expires_at: _ } = body;
    text(Kind::Reference, "id", id)?;
    text(Kind::Label, "label", label)?;
    text(Kind::Reference, "prefix", prefix)
}
