//! What hangs below a product: its ceilings, plans and split.

use lianshi_registry::{
    entry::{Ceiling, Charge, Consent, Plan, Share, Split},
    id::{NodeName, RegistrationNumber},
    price::Price,
    text::Kind,
    uscc::Uscc,
};

use super::Section;

/// `[[product.ceiling]]`.
pub(in crate::publish) fn ceiling(
    section: &Section<'_>,
    product: &RegistrationNumber,
) -> Option<Ceiling> {
    let unit = section.word("unit");
    let price_max = section.price("price_max");
    let document = section.text("document");
    section.finish();
    Some(Ceiling {
        product: product.clone(),
        unit: unit?,
        price_max: price_max?,
        document: document?,
    })
}

/// `[[product.plan]]`.
pub(in crate::publish) fn plan(
    section: &Section<'_>,
    product: &RegistrationNumber,
) -> Option<Plan> {
    let code = section.code("code");
    let name = section.texts("name", Kind::Name);
    let purpose = section.word("purpose");
    let charge = charge(section);
    let calls_per_month_max = section.limit("calls_per_month_max");
    let calls_per_minute_max = section.small_limit("calls_per_minute_max");
    let term_months_max = section.small_limit("term_months_max");
    let automatic_approval = section.flag("automatic_approval", false);
    let qualifies =
        if section.has("qualifies") { section.words("qualifies") } else { Some(Vec::new()) };
    section.finish();
    Some(Plan {
        product: product.clone(),
        code: code?,
        name: name?,
        purpose: purpose?,
        charge: charge?,
        calls_per_month_max: calls_per_month_max?,
        calls_per_minute_max: calls_per_minute_max?,
        term_months_max: term_months_max?,
        automatic_approval: automatic_approval?,
        qualifies: qualifies?,
    })
}

fn charge(section: &Section<'_>) -> Option<Charge> {
    let Some(section) = section.section("charge") else {
        section.refuse("publish.missing", "`charge` is missing");
        return None;
    };
    let model = section.one_of("model", &["free", "flat_monthly", "per_call"])?;
    let charge = match model.as_str() {
        "free" => Some(Charge::Free),
        "flat_monthly" => section.price("price").map(|price| Charge::FlatMonthly { price }),
        _ => {
            let price: Option<Price> = section.price("price");
            let included = section.number_or("included_calls", 0);
            price
                .zip(included)
                .map(|(price, included_calls)| Charge::PerCall { price, included_calls })
        }
    };
    section.finish();
    charge
}

/// `[product.split]`; `next` is the version it gets.
pub(in crate::publish) fn split(
    section: &Section<'_>,
    product: &RegistrationNumber,
    next: u32,
) -> Option<Split> {
    let from = section.period("from");
    let base = section.word("base");
    let shares: Vec<Option<Share>> = section.sections("share").iter().map(share).collect();
    let consents: Vec<Option<Consent>> = section.sections("consent").iter().map(consent).collect();
    section.finish();
    let shares: Option<Vec<Share>> = shares.into_iter().collect();
    let consents: Option<Vec<Consent>> = consents.into_iter().collect();
    Some(Split {
        product: product.clone(),
        version: next,
        from: from?,
        base: base?,
        shares: shares?,
        consents: consents?,
    })
}

/// `[[product.split.consent]]`.
fn consent(section: &Section<'_>) -> Option<Consent> {
    let party = section.parsed("party", Uscc::parse);
    let document = section.text("document");
    section.finish();
    Some(Consent { party: party?, document: document? })
}

fn share(section: &Section<'_>) -> Option<Share> {
    let party = section.parsed("party", Uscc::parse);
    let name = section.texts("name", Kind::Name);
    let role = section.word("role");
    let node = section.parsed("node", NodeName::parse);
    let share_ppm = section.parsed("percent", parts);
    section.finish();
    Some(Share { party: party?, name: name?, role: role?, node: node?, share_ppm: share_ppm? })
}

/// Percent with up to four places, as parts per million.
fn parts(text: &str) -> Result<u32, String> {
    let bad = || format!("`{text}` is no percentage: write it as 33.33, at most four places");
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(places) || places.len() > 4 || whole.len() > 3 {
        return Err(bad());
    }
    let whole: u32 = whole.parse().map_err(|_| bad())?;
    let places: u32 = format!("{places:0<4}").parse().map_err(|_| bad())?;
    let parts = whole * 10_000 + places;
    if parts > 1_000_000 { Err(bad()) } else { Ok(parts) }
}
