//! `[[act]]`: what is done to something recorded already, such as pausing a product or ending an
//! authorization.

use lianshi_registry::{
    entry::{
        AuthorizationEnd, AuthorizationPause, Fact, PlanRetired, ProductNotice, ResourceWithdrawn,
        Texts,
    },
    id::RegistrationNumber,
    text::Kind,
};

use super::Desk;
use crate::publish::section::Section;

/// The acts a file may contain; each is the kind of the entry it makes.
const ACTS: [&str; 9] = [
    "product.listed",
    "product.paused",
    "product.resumed",
    "product.delisted",
    "plan.retired",
    "resource.withdrawn",
    "authorization.suspended",
    "authorization.resumed",
    "authorization.ended",
];

impl Desk<'_> {
    pub(super) fn act(&mut self, section: &Section<'_>) {
        let Some(act) = section.one_of("do", &ACTS) else { return };
        let number = section.parsed("number", RegistrationNumber::parse);
        let reason = if act == "product.listed" || act.ends_with(".resumed") {
            section.text_or("reason", Kind::Note, "")
        } else {
            section.text_of("reason", Kind::Note)
        };
        let code = if act == "plan.retired" { section.code("code") } else { Some(String::new()) };
        let how = if act == "authorization.ended" { section.word("how") } else { None };
        section.finish();
        let (Some(number), Some(reason), Some(code)) = (number, reason, code) else { return };
        let id = number.to_string();
        let notice = |number, reason| ProductNotice { number, reason };
        let pause = |number, reason| AuthorizationPause { number, reason };
        let fact = match act.as_str() {
            "product.listed" => Fact::ProductListed(notice(number, reason)),
            "product.paused" => Fact::ProductPaused(notice(number, reason)),
            "product.resumed" => Fact::ProductResumed(notice(number, reason)),
            "product.delisted" => Fact::ProductDelisted(notice(number, reason)),
            "plan.retired" => Fact::PlanRetired(PlanRetired { product: number, code, reason }),
            "resource.withdrawn" => Fact::ResourceWithdrawn(ResourceWithdrawn { number, reason }),
            "authorization.suspended" => Fact::AuthorizationSuspended(pause(number, reason)),
            "authorization.resumed" => Fact::AuthorizationResumed(pause(number, reason)),
            _ => match how {
                Some(how) => Fact::AuthorizationEnded(AuthorizationEnd { number, how, reason }),
                None => return,
            },
        };
        let name = Texts { zh: String::new(), en: String::new() };
        self.say(section, fact, (&id, "", &name));
    }
}
