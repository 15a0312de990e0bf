//! Whether what a statement reads is bounded, by the plan that the database makes for it. SQLite,
//! whose plans depend on the indexes alone, is asked for everything: no table that grows is read
//! from end to end, and none by a column that tells few rows from many. PostgreSQL plans by what a
//! table holds, so it is asked only whether there is an index that it can use.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{LazyLock, Mutex, PoisonError},
};

use diesel::{
    Connection as _, PgConnection, QueryResult, QueryableByName, RunQueryDsl as _,
    SqliteConnection, connection::SimpleConnection as _, sql_query, sql_types::Text,
};
use lianshi_store::{Db, Fault};

/// Tables that do not grow with contracts, calls, visitors or time, and why.
const SMALL: [(&str, &[&str]); 6] = [
    ("a row for each setting or series", &["node_state", "number_series"]),
    ("a row for each month", &["periods", "closings", "subject_secrets"]),
    (
        "people of this node, and what each of them set",
        &["organizations", "users", "user_roles", "user_mailboxes", "line_recipients"],
    ),
    (
        "nodes of the federation, each with a bounded share",
        &[
            "members",
            "member_pasts",
            "member_entries",
            "logs",
            "forks",
            "kept_heads",
            "peer_versions",
        ],
    ),
    ("what the node offers itself", &["datasets"]),
    (
        "what waits for a job or a person, and is taken off",
        &[
            "unfollowed_products",
            "catalog_unindexed",
            "catalog_unshared",
            "unlike_copies",
            "parked_letters",
        ],
    ),
];

/// Columns of few values: an index on them alone leads to half of a table.
const COARSE: [&str; 5] = ["side", "state", "kind", "direction", "status"];

/// What may read a table that grows from end to end: a part of the statement, and why.
const READS_ALL: [(&str, &str); 18] = [
    ("FROM catalog_counts", "the facets of the catalog: every combination there is"),
    (
        "ORDER BY catalog_products.registered_at DESC, catalog_products.number DESC LIMIT",
        "a page of the catalog, walked newest first until it is full",
    ),
    ("INSERT INTO catalog_unindexed", "a rebuild of the catalog"),
    ("DELETE FROM catalog_", "a rebuild of the catalog"),
    ("DELETE FROM unfolded_entries", "a rebuild of the catalog"),
    ("SELECT catalog_objects.object_key, catalog_objects.state_hash", "the digest"),
    ("FROM log_folds", "which fold made the tables of each log: one row for each"),
    ("INSERT INTO unfollowed_products", "a start"),
    ("SELECT DISTINCT allocations.party_uscc", "the export of the ledger"),
    ("SELECT DISTINCT statements.buyer_uscc", "the export of the ledger"),
    ("FROM ledger_accounts LIMIT", "the balance of all accounts"),
    (
        "FROM outbox WHERE (((outbox.target NOT LIKE ?)",
        "the first that are due, walked in their order; no job asks it",
    ),
    (
        "SELECT COUNT(*) FROM subscriptions WHERE (((subscriptions.side = ?) AND \
         ((subscriptions.state",
        "a close, which rates every contract there was",
    ),
    ("SELECT min(subscriptions.starts_at)", "the first month, until there is a close"),
    (
        "FROM waiting_statements WHERE (waiting_statements.state = ?)",
        "what waits for a person: the index on the state leads past what was decided",
    ),
    ("FROM recalled_statements WHERE ((recalled_statements.home_node", "after a restore"),
    ("FROM statements WHERE (statements.side = ?)", "all statements of the node, for finance"),
    (
        "FROM statements WHERE ((statements.side = ?) AND (statements.state = ?))",
        "those of the node that stand so, for finance: the index leads past the others",
    ),
];

/// Most values of one statement: PostgreSQL takes no more.
const PLACES_MAX: usize = 65_535;

/// A step of a plan, as SQLite tells it.
#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// A step of a plan, as PostgreSQL tells it.
#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

/// A statement of the query builder in the words of no database, without its values. Statements
/// that were written out are those of exports and checks, which read everything, and of tests.
fn read(asked: &str) -> Option<(String, String)> {
    let sql = asked.split(" -- binds:").next().unwrap_or_default().trim();
    let starts = ["SELECT COUNT(*) FROM `", "SELECT COUNT(*) FROM \""];
    let counts_all = starts.iter().any(|start| sql.starts_with(start));
    let is_built = counts_all || sql.contains("`.`") || sql.contains("\".\"");
    let reads = ["SELECT", "UPDATE", "DELETE", "INSERT"].iter().any(|verb| sql.starts_with(verb));
    let is_own = !sql.contains("__diesel_schema_migrations") && !sql.contains("(1=0)");
    (is_built && reads && is_own).then(|| {
        let (mut plain, mut in_place) = (String::new(), false);
        for char in sql.chars().filter(|char| !matches!(char, '`' | '"')) {
            if !(in_place && char.is_ascii_digit()) {
                plain.push(if char == '$' { '?' } else { char });
            }
            in_place = char == '$' || in_place && char.is_ascii_digit();
        }
        while plain.contains("?, ?") {
            plain = plain.replace("?, ?", "?");
        }
        (sql.to_owned(), plain)
    })
}

/// A database that is asked for plans, and nothing else.
pub enum Planner {
    /// SQLite.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
}

impl Planner {
    /// Those of the program's schema.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open_file(&folder.path().join("node.sqlite")).expect("a database");
        let sql = "SELECT sql AS line FROM sqlite_schema \
                   WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY type DESC";
        let schema = db.read(|read| super::lines(read, sql).map_err(Fault::from)).expect("read");
        let mut conn = SqliteConnection::establish(":memory:").expect("opened");
        conn.batch_execute(&schema.join(";\n")).expect("the same schema");
        Self::Sqlite(conn)
    }

    /// See [`Planner::sqlite`].
    pub fn postgres() -> Self {
        let url = super::fresh_postgres();
        drop(Db::open(&url).expect("a database"));
        let mut conn = PgConnection::establish(&url).expect("opened");
        // A plan for any values, which reads a whole table only where nothing else can be done.
        let set = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;";
        conn.batch_execute(set).expect("set");
        Self::Postgres(conn)
    }

    /// Changes the schema.
    pub fn change(&mut self, sql: &str) {
        let changed = match self {
            Self::Sqlite(conn) => conn.batch_execute(sql),
            Self::Postgres(conn) => conn.batch_execute(sql),
        };
        changed.expect("changed");
    }

    /// The steps of a plan.
    fn plan(&mut self, sql: &str) -> QueryResult<Vec<String>> {
        let steps: Vec<String> = match self {
            Self::Sqlite(conn) => {
                let steps: Vec<Detail> =
                    sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn)?;
                steps.into_iter().map(|step| step.detail).collect()
            }
            Self::Postgres(conn) => {
                conn.batch_execute(&format!("DEALLOCATE ALL; PREPARE asked AS {sql}"))?;
                let places =
                    (1..=PLACES_MAX).take_while(|n| sql.contains(&format!("${n}"))).count();
                let values = vec!["NULL"; places].join(", ");
                let values = if places == 0 { values } else { format!("({values})") };
                let steps: Vec<Plan> =
                    sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE asked{values}")).load(conn)?;
                steps.into_iter().map(|step| step.plan.trim().to_owned()).collect()
            }
        };
        Ok(steps)
    }

    /// The step of a statement's plan that reads more than it should.
    pub fn unbounded(&mut self, asked: &str) -> Option<String> {
        let (sql, plain) = read(asked)?;
        if READS_ALL.iter().any(|(part, _)| plain.contains(part)) {
            return None;
        }
        let steps = self.plan(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        // The first rows in the order of an index.
        let is_head = plain.contains(" LIMIT ") && !plain.contains(" WHERE ");
        let (reads_all, sorts): (fn(&str, &str) -> Option<String>, _) = match self {
            Self::Sqlite(..) => (scanned_by_sqlite, "TEMP B-TREE FOR ORDER BY"),
            Self::Postgres(_) => (scanned_by_postgres, "Sort"),
        };
        if is_head && steps.iter().all(|step| !step.contains(sorts)) {
            return None;
        }
        let is_small = |table: &str| SMALL.iter().any(|(_, tables)| tables.contains(&table));
        let found = steps.iter().find(|step| {
            let table = reads_all(step, &plain);
            table.is_some_and(|table| !is_small(&table))
        });
        found.cloned()
    }
}

/// The table that a step reads from end to end, or by a column that tells little.
fn scanned_by_sqlite(step: &str, plain: &str) -> Option<String> {
    let (verb, rest) = step.split_once(' ')?;
    let table = rest.split_whitespace().next()?;
    let table = if table == "earlier" { "outbox" } else { table };
    let columns: Vec<&str> = rest
        .split_once(" (")
        .map(|(_, found)| found.trim_end_matches(')').split(" AND ").collect())
        .unwrap_or_default();
    let tells = |column: &&str| {
        let name = column.trim_end_matches(['=', '<', '>', '?']);
        !COARSE.contains(&name)
    };
    let is_end = columns.is_empty() && ["min(", "max("].iter().any(|of| plain.contains(of));
    match verb {
        "SCAN" if rest.starts_with("CONSTANT") || rest.starts_with('(') => None,
        "SEARCH" if is_end || columns.iter().any(tells) => None,
        "SCAN" | "SEARCH" => Some(table.to_owned()),
        _ => None,
    }
}

/// The table that is read without an index.
fn scanned_by_postgres(step: &str, _: &str) -> Option<String> {
    let (_, table) = step.split_once("Seq Scan on ")?;
    table.split_whitespace().next().map(str::to_owned)
}

static SQLITE: LazyLock<Mutex<Planner>> = LazyLock::new(|| Mutex::new(Planner::sqlite()));
static POSTGRES: LazyLock<Mutex<Planner>> = LazyLock::new(|| Mutex::new(Planner::postgres()));
/// What was judged.
static JUDGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

thread_local! {
    /// What is asked for the judgement is not judged.
    static JUDGES: Cell<bool> = const { Cell::new(false) };
}

/// Fails where a statement reads more than it should.
pub fn judge(asked: &str) {
    if JUDGES.get() {
        return;
    }
    let Some((sql, _)) = read(asked) else { return };
    let is_new = JUDGED.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.clone());
    if !is_new {
        return;
    }
    JUDGES.set(true);
    let planner = if sql.contains('`') { &SQLITE } else { &POSTGRES };
    let found = planner.lock().unwrap_or_else(PoisonError::into_inner).unbounded(asked);
    JUDGES.set(false);
    if let Some(step) = found {
        // Whoever asks it next fails as well.
        JUDGED.lock().unwrap_or_else(PoisonError::into_inner).remove(&sql);
        panic!("not bounded by an index: {step}\n{sql}");
    }
}
