//! Books from before divisions went by the cumulative base: what was recorded stays as it was
//! recorded, and the next division counts from zero.

use lianshi_market::{
    close::DivisionDocument,
    money::Amount,
    split::{CARRY_DENOMINATOR, CarriedShare, ShareExplanation},
};
use lianshi_store::{Fault, Site, allocations, close, db::Conn};

use super::{
    books,
    stage::{close_month, contracts, meter, month, on_stage, sql},
};
use crate::support::on_both;

/// The same division as largest remainder with carry recorded it, with nothing carried in.
fn carried(made: &DivisionDocument, base: Amount) -> DivisionDocument {
    let exact = |ppm: u32| base.fen() * i64::from(ppm);
    let mut order: Vec<usize> = (0..made.parts.len()).collect();
    let rest = |index: &usize| exact(made.parts[*index].party.share_ppm) % CARRY_DENOMINATOR;
    order.sort_by_key(|index| std::cmp::Reverse(rest(index)));
    let floors: i64 =
        made.parts.iter().map(|part| exact(part.party.share_ppm) / CARRY_DENOMINATOR).sum();
    let left = usize::try_from(base.fen() - floors).expect("small");
    let mut document = made.clone();
    document.v = 1;
    document.base = base;
    for (index, part) in document.parts.iter_mut().enumerate() {
        let floor = exact(part.party.share_ppm) / CARRY_DENOMINATOR;
        let more = i64::from(order[..left].contains(&index));
        part.amount = Amount::from_fen(floor + more);
        part.explanation = ShareExplanation::Carried(CarriedShare {
            split_version: part.explanation.split_version(),
            base,
            share_ppm: part.party.share_ppm,
            carry_before: 0,
            floor: Amount::from_fen(floor),
            remainder_fen: more,
            carry_after: exact(part.party.share_ppm) - (floor + more) * CARRY_DENOMINATOR,
        });
    }
    for amount in document.by_operator.values_mut() {
        *amount = base;
    }
    document
}

fn october(site: &Site) -> DivisionDocument {
    let views = site.db.read(|read| allocations::in_period(read, month("2026-10"))).expect("read");
    views[0].document.clone()
}

fn blob(site: &Site, hexadecimal: &str) -> String {
    let postgres = site.db.read(|read| Ok::<_, Fault>(matches!(**read, Conn::Postgres(_))));
    if postgres.expect("read") {
        format!("'\\x{hexadecimal}'::bytea")
    } else {
        format!("x'{hexadecimal}'")
    }
}

/// Puts a division in the place of October's, as an earlier program would have left it.
fn put(site: &Site, document: &DivisionDocument) {
    let (text, hash) = document.seal_text();
    let hash = blob(site, &hex::encode(hash));
    sql(
        site,
        &format!(
            "UPDATE split_documents SET document = '{text}', document_hash = {hash}, \
             base_from_fen = NULL, base_to_fen = NULL WHERE period = '2026-10'"
        ),
    );
    for part in &document.parts {
        let said = serde_json::to_string(&part.explanation).expect("text");
        sql(
            site,
            &format!(
                "UPDATE allocations SET explanation = '{said}' WHERE period = '2026-10' \
                 AND party_uscc = '{}'",
                part.party.uscc
            ),
        );
    }
    let again = site.db.read(|read| close::recompute(read, site, month("2026-10")));
    let computed = blob(site, &again.expect("computed").expect("closed").computed);
    sql(site, &format!("UPDATE periods SET result_hash = {computed} WHERE period = '2026-10'"));
}

#[test]
fn recorded_divisions_stay_and_the_next_one_counts_from_zero() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            meter(site, &held[0], "2026-11-05T04:00:00Z", 5);
            close_month(site, "2026-10");
            let made = october(site);
            let before = carried(&made, made.base);
            let amounts = |document: &DivisionDocument| -> Vec<i64> {
                document.parts.iter().map(|part| part.amount.fen()).collect()
            };
            assert_eq!(amounts(&before), amounts(&made), "so that the accounts fit");
            put(site, &before);
            assert!(october(site).is_carried());
            books::hold(site);
            close_month(site, "2026-11");
            assert_eq!(october(site), before);
            let views = site.db.read(|read| allocations::in_period(read, month("2026-11")));
            let november = views.expect("read")[0].document.clone();
            let zero = Amount::ZERO;
            assert_eq!(november.stretch(), Some((zero, Amount::from_fen(150))));
            let party = &before.parts[0].party.uscc;
            let lines =
                site.db.read(|read| allocations::for_party(read, party, 1)).expect("read").items;
            assert_eq!(lines.len(), 2, "both kinds of explanation are read");
            books::hold(site);
        });
    });
}

#[test]
fn a_recorded_division_of_what_was_not_invoiced_is_found() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            close_month(site, "2026-10");
            put(site, &carried(&october(site), Amount::from_fen(51)));
            let again = site.db.read(|read| close::recompute(read, site, month("2026-10")));
            let again = again.expect("computed").expect("closed");
            assert_eq!(again.sealed, again.computed, "its own hash would not tell");
            assert!(!again.fits());
        });
    });
}
