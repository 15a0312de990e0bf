//! Checking the live books against the invariants they must keep (`docs/ledger.md` lists them):
//! each check is one question to the database whose right answer is nothing.

use diesel::{prelude::*, sql_query, sql_types::Text};
use lianshi_registry::time::Period;

use crate::{
    Fault, Read, Site,
    close::{self, PeriodState},
};

/// Offenders named per check: enough to begin a search.
const NAMED_MAX: usize = 10;

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The invariant, such as `I1`.
    pub invariant: &'static str,
    /// What is checked, a sentence.
    pub what: &'static str,
    /// The first ones that break it; empty when it holds.
    pub broken: Vec<String>,
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// One finding for each invariant checked.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether every invariant holds.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.broken.is_empty())
    }

    /// A close is half written: nothing was checked.
    pub fn is_under_way(&self) -> bool {
        self.findings.len() == 1
    }
}

/// Asked before all others.
const CARRIED: &str =
    "everything that is sealed stands in the books; a close under way, or ended, goes on by itself";

/// Questions in SQL that both databases understand: each lists what breaks its invariant.
const QUESTIONS: &[(&str, &str, &str)] = &[
    (
        "I1",
        "every transfer has two accounts and an amount above zero",
        "SELECT id AS name FROM ledger_transfers \
         WHERE amount_fen <= 0 OR debit_account = credit_account",
    ),
    (
        "I1",
        "all debits equal all credits",
        "SELECT currency AS name FROM ledger_accounts GROUP BY currency \
         HAVING SUM(debits_fen) <> SUM(credits_fen)",
    ),
    (
        "I2",
        "stored debits are the sum of transfers, for every account",
        "SELECT account AS name FROM ledger_accounts WHERE debits_fen <> \
         COALESCE((SELECT SUM(amount_fen) FROM ledger_transfers WHERE debit_account = account), 0)",
    ),
    (
        "I2",
        "stored credits are the sum of transfers, for every account",
        "SELECT account AS name FROM ledger_accounts WHERE credits_fen <> \
         COALESCE((SELECT SUM(amount_fen) FROM ledger_transfers WHERE credit_account = account), 0)",
    ),
    (
        "I4",
        "the parts of every division sum to its base, and none is negative",
        "SELECT d.period || '/' || d.product AS name FROM split_documents d \
         WHERE d.side = 'provider' AND (d.base_fen <> COALESCE((SELECT SUM(a.amount_fen) \
           FROM allocations a WHERE a.side = d.side AND a.period = d.period \
           AND a.product = d.product AND a.agreement = d.agreement), 0) \
         OR EXISTS (SELECT 1 FROM allocations a WHERE a.side = d.side AND a.period = d.period \
           AND a.product = d.product AND a.amount_fen < 0))",
    ),
    (
        "I4",
        "the divisions of every agreement follow each other without gap or overlap",
        "SELECT d.period || '/' || d.product AS name FROM split_documents d \
         WHERE d.side = 'provider' AND d.base_to_fen IS NOT NULL \
         AND (d.base_to_fen <> d.base_from_fen + d.base_fen \
           OR d.base_from_fen <> COALESCE((SELECT MAX(e.base_to_fen) FROM split_documents e \
             WHERE e.side = d.side AND e.agreement = d.agreement \
             AND e.base_to_fen < d.base_to_fen), 0))",
    ),
    (
        "I4",
        "what was invoiced is divided, or waits with its reason",
        "SELECT 'fees' AS name WHERE \
         COALESCE((SELECT SUM(amount_fen) FROM ledger_transfers WHERE reason = 'fee'), 0) <> \
         COALESCE((SELECT SUM(amount_fen) FROM ledger_transfers WHERE reason = 'split_base'), 0) \
         + COALESCE((SELECT SUM(base_fen) FROM parked WHERE resolved_in = ''), 0)",
    ),
    (
        "I8",
        "the clearing account returned to zero",
        "SELECT account AS name FROM ledger_accounts \
         WHERE account = 'Liabilities:Clearing:Split' AND debits_fen <> credits_fen",
    ),
    (
        "I9",
        "every transfer belongs to a closed period and was posted by its close",
        "SELECT t.id AS name FROM ledger_transfers t WHERE NOT EXISTS (SELECT 1 FROM periods p \
         WHERE p.period = t.period AND p.closed_at = t.at)",
    ),
    (
        "I10",
        "every statement is the sum of its lines",
        "SELECT s.number AS name FROM statements s WHERE s.total_fen <> COALESCE((SELECT \
         SUM(l.amount_fen) FROM statement_lines l WHERE l.statement = s.number \
         AND l.side = s.side), 0)",
    ),
    (
        "I10",
        "every period is the sum of its statements, in its row and in the ledger",
        "SELECT p.period AS name FROM periods p WHERE p.total_fen <> COALESCE((SELECT \
         SUM(s.total_fen) FROM statements s WHERE s.side = 'provider' \
         AND s.period = p.period), 0) OR p.total_fen <> COALESCE((SELECT SUM(t.amount_fen) \
         FROM ledger_transfers t WHERE t.period = p.period AND t.reason = 'fee'), 0)",
    ),
    (
        "I11",
        "statement numbers have no gap and no repeat",
        "SELECT p.period AS name FROM periods p WHERE p.statement_count <> (SELECT COUNT(*) \
         FROM statements s WHERE s.side = 'provider' AND s.period = p.period) \
         OR (p.state <> 'recovered' AND p.statement_count <> COALESCE((SELECT \
         MAX(CAST(SUBSTR(s.number, 18) AS BIGINT)) \
         FROM statements s WHERE s.side = 'provider' AND s.period = p.period), 0))",
    ),
    (
        "I12",
        "without a split every operator is given what was invoiced for it",
        "SELECT d.period || '/' || d.product AS name FROM split_documents d \
         WHERE d.side = 'provider' AND d.agreement LIKE '%/operator/%' \
         AND d.base_fen <> COALESCE((SELECT SUM(s.total_fen) FROM statements s \
           WHERE s.side = 'provider' AND s.period = d.period AND s.product = d.product \
           AND d.agreement = d.product || '/operator/' || s.provider_uscc), 0)",
    ),
    (
        "I12",
        "what is owed to each party is what its divisions gave it",
        "SELECT c.account AS name FROM ledger_accounts c WHERE c.account LIKE \
         'Liabilities:Payable:%' AND c.credits_fen <> COALESCE((SELECT SUM(a.amount_fen) \
         FROM allocations a WHERE a.side = 'provider' AND a.party_uscc = c.party_uscc), 0)",
    ),
];

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Runs every check and computes every closed period again.
pub fn check(read: &mut Read<'_>, site: &Site) -> Result<Check, Fault> {
    if let Some(period) = close::unfinished(read)? {
        // What is half written breaks nothing; it is judged when it is done.
        let finding = Finding { invariant: "I9", what: CARRIED, broken: vec![period.to_string()] };
        return Ok(Check { findings: vec![finding] });
    }
    let mut findings = Vec::new();
    findings.push(Finding { invariant: "I9", what: CARRIED, broken: Vec::new() });
    for (invariant, what, question) in QUESTIONS {
        let limited = format!("{question} LIMIT {NAMED_MAX}");
        let broken: Vec<Named> = sql_query(limited).load(&mut **read)?;
        let broken = broken.into_iter().map(|named| named.name).collect();
        findings.push(Finding { invariant, what, broken });
    }
    findings.push(recomputed(read, site)?);
    Ok(Check { findings })
}

fn recomputed(read: &mut Read<'_>, site: &Site) -> Result<Finding, Fault> {
    let views = close::periods(read, site, site.now())?;
    let closed: Vec<Period> = views
        .into_iter()
        .filter(|view| view.state == PeriodState::Closed)
        .map(|view| view.period)
        .collect();
    let mut broken = Vec::new();
    for period in closed {
        let fits = close::recompute(read, site, period)?.is_some_and(|again| again.fits());
        if !fits && broken.len() < NAMED_MAX {
            broken.push(period.to_string());
        }
    }
    Ok(Finding {
        invariant: "I8",
        what: "every closed period, computed again from its pinned inputs, gives the sealed hash",
        broken,
    })
}
