//! The books as a whole: what is in them, and that tampering is found.

use diesel::{QueryableByName, RunQueryDsl as _, sql_query, sql_types::BigInt};
use lianshi_store::{Fault, Site, ledger};

use super::stage::{close_month, contracts, meter, on_stage};
use crate::support::on_both;

/// How many rows there are.
#[derive(Debug, PartialEq, Eq, QueryableByName)]
pub struct Counts {
    #[diesel(sql_type = BigInt)]
    pub statements: i64,
    #[diesel(sql_type = BigInt)]
    pub lines: i64,
    #[diesel(sql_type = BigInt)]
    pub allocations: i64,
    #[diesel(sql_type = BigInt)]
    pub divisions: i64,
    #[diesel(sql_type = BigInt)]
    pub accounts: i64,
    #[diesel(sql_type = BigInt)]
    pub transfers: i64,
    #[diesel(sql_type = BigInt)]
    pub periods: i64,
    #[diesel(sql_type = BigInt)]
    pub letters: i64,
    #[diesel(sql_type = BigInt)]
    pub numbers: i64,
    #[diesel(sql_type = BigInt)]
    pub acts: i64,
    #[diesel(sql_type = BigInt)]
    pub entries: i64,
    /// Rows of a close that is not made yet.
    #[diesel(sql_type = BigInt)]
    pub staged: i64,
}

pub fn counts(site: &Site) -> Counts {
    site.db
        .read(|read| {
            Ok::<_, Fault>(
                sql_query(
                    "SELECT (SELECT COUNT(*) FROM statements) AS statements, \
                     (SELECT COUNT(*) FROM statement_lines) AS lines, \
                     (SELECT COUNT(*) FROM allocations) AS allocations, \
                     (SELECT COUNT(*) FROM split_documents) AS divisions, \
                     (SELECT COUNT(*) FROM ledger_accounts) AS accounts, \
                     (SELECT COUNT(*) FROM ledger_transfers) AS transfers, \
                     (SELECT COUNT(*) FROM periods) AS periods, \
                     (SELECT COUNT(*) FROM outbox) AS letters, \
                     (SELECT COUNT(*) FROM number_series) AS numbers, \
                     (SELECT COUNT(*) FROM audit_rows) AS acts, \
                     (SELECT COUNT(*) FROM close_drafts) \
                     + (SELECT COUNT(*) FROM close_subjects) \
                     + (SELECT COUNT(*) FROM closings) AS staged, \
                     (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM logs) AS entries",
                )
                .get_result(&mut **read)?,
            )
        })
        .expect("counted")
}

/// Every invariant holds.
pub fn hold(site: &Site) {
    let check = site.db.read(|read| ledger::check(read, site)).expect("checked");
    assert!(check.holds(), "{:#?}", check.findings);
    let (debits, credits) = site.db.read(ledger::totals).expect("summed");
    assert_eq!(debits, credits);
}

/// The invariants that do not hold.
pub fn broken(site: &Site) -> Vec<&'static str> {
    let check = site.db.read(|read| ledger::check(read, site)).expect("checked");
    let broken = check.findings.iter().filter(|finding| !finding.broken.is_empty());
    broken.map(|finding| finding.invariant).collect()
}

#[test]
fn every_kind_of_tampering_is_found_and_named() {
    for (change, invariant) in [
        ("UPDATE ledger_transfers SET amount_fen = amount_fen + 1 WHERE seq = 1", "I2"),
        ("UPDATE ledger_transfers SET amount_fen = 0 WHERE seq = 1", "I1"),
        ("UPDATE ledger_accounts SET debits_fen = debits_fen + 1", "I2"),
        ("UPDATE ledger_transfers SET at = at + 1 WHERE seq = 1", "I9"),
        ("UPDATE allocations SET amount_fen = amount_fen + 1", "I4"),
        ("UPDATE split_documents SET base_to_fen = base_to_fen + 1", "I4"),
        ("UPDATE split_documents SET base_from_fen = 5, base_to_fen = base_fen + 5", "I4"),
        ("UPDATE statement_lines SET amount_fen = 7 WHERE line = 1", "I10"),
        ("UPDATE statements SET total_fen = total_fen + 1", "I10"),
        ("UPDATE periods SET total_fen = total_fen + 1", "I10"),
        ("UPDATE periods SET statement_count = statement_count + 1", "I11"),
        (
            "UPDATE close_subjects SET subject = REPLACE(subject, '\"calls\":5', '\"calls\":4')",
            "I8",
        ),
        (
            "UPDATE ledger_accounts SET party_uscc = '-' WHERE account LIKE 'Liabilities:Payable:%'",
            "I12",
        ),
        ("UPDATE usage_days SET calls = calls + 1", "I8"),
        ("DELETE FROM close_subjects", "I8"),
        ("UPDATE statements SET document = REPLACE(document, 'verify', 'verifx')", "I8"),
    ] {
        on_both(|db| {
            on_stage(db, |site| {
                let held = contracts(site, 2);
                meter(site, &held[0], "2026-10-05T04:00:00Z", 5);
                meter(site, &held[1], "2026-10-05T04:00:00Z", 6);
                close_month(site, "2026-10");
                db.write(|write| Ok::<_, Fault>(sql_query(change).execute(&mut **write)?))
                    .expect("tampered");
                let broken = broken(site);
                assert!(broken.contains(&invariant), "{change}: {broken:?}");
            });
        });
    }
}
