//! Every statement that a test of the store has a database run is judged by its plan
//! (`support/plan.rs`). Here it is seen that the judgement can say no.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::{RunQueryDsl as _, sql_query};
use lianshi_store::{Fault, db::Conn};

use crate::support::{on_both, plan::Planner};

fn each(mut see: impl FnMut(&mut Planner, char)) {
    for (mut planner, quote) in [(Planner::sqlite(), '`'), (Planner::postgres(), '"')] {
        see(&mut planner, quote);
    }
}

/// A statement as the query builder writes it.
fn built(sql: &str, quote: char) -> String {
    let place = if quote == '`' { "?" } else { "$1" };
    sql.replace('`', &quote.to_string()).replace('?', place) + " -- binds: [1]"
}

const BY_OUTCOME: &str = "SELECT `usage_events`.`seq` FROM `usage_events` \
                          WHERE (`usage_events`.`outcome` = ?)";
const BY_TARGET: &str = "SELECT `outbox`.`id` FROM `outbox` WHERE (`outbox`.`target` = ?)";
const BY_SIDE: &str = "SELECT `subscriptions`.`id` FROM `subscriptions` \
                       WHERE (`subscriptions`.`side` = ?)";
const FIRST: &str = "SELECT `outbox`.`id` FROM `outbox` ORDER BY `outbox`.`id` ASC LIMIT 3";

#[test]
fn a_statement_that_reads_a_whole_table_is_found_out() {
    each(|planner, quote| {
        let mut judge = |sql| planner.unbounded(&built(sql, quote));
        assert!(judge(BY_OUTCOME).expect("found").contains("usage_events"));
        assert_eq!((judge(BY_TARGET), judge(FIRST)), (None, None));
    });
}

#[test]
fn what_counts_a_whole_table_is_found_out() {
    let count = |table: &str| {
        Planner::sqlite().unbounded(&built(&format!("SELECT COUNT(*) FROM `{table}`"), '`'))
    };
    assert!(count("outbox").expect("found").contains("outbox"));
    assert_eq!(count("parked_letters"), None, "few at any time");
}

#[test]
fn an_index_that_was_dropped_is_missed() {
    each(|planner, quote| {
        planner.change("DROP INDEX outbox_target; DROP INDEX outbox_attempts;");
        let found = planner.unbounded(&built(BY_TARGET, quote));
        assert!(found.expect("found").contains("outbox"));
    });
}

#[test]
fn whoever_asks_it_fails() {
    on_both(|db| {
        let ask = |sql: &'static str| {
            let ask = |conn: &mut Conn| {
                let quote = if matches!(conn, Conn::Sqlite(_)) { '`' } else { '"' };
                let sql = sql.replace('`', &quote.to_string()).replace('?', "'x'");
                sql_query(sql).execute(conn).map_err(Fault::from)
            };
            catch_unwind(AssertUnwindSafe(|| db.read(|read| ask(&mut *read)).expect("asked")))
        };
        assert!(ask(BY_TARGET).is_ok());
        assert!(ask(BY_OUTCOME).is_err());
    });
}

#[test]
fn an_index_that_leads_to_half_of_a_table_is_none() {
    let found = Planner::sqlite().unbounded(&built(BY_SIDE, '`'));
    assert!(found.expect("found").contains("(side=?)"));
}
