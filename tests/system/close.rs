//! Ends without warning inside a close: at every named point of it and of its commits, and by
//! `kill -9` at each step it tells. Whenever it strikes, the close has either not happened or
//! happens whole as soon as the node goes on, and in the end the books are those of a node that was
//! never struck.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

use lianshi_registry::time::Period;
use lianshi_store::{
    Site,
    audit::Actor,
    close::{self, PeriodState},
    crash::{CLOSE_POINTS, CRASH_AT},
    ledger,
    statements::{self, StatementQuery},
};
use tests::books::{MONTHS, exported, month, open, stage};

/// The point after each page that is carried into the books: there the close is sealed.
const CARRIED: &str = "close.carried";

/// How one run ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a named point, when it is passed for the so-manyth time.
    At(&'static str, usize),
    /// By `kill -9`, when so many lines of steps were heard.
    Killed(usize),
    /// By itself.
    Never,
}

/// What strikes: each point of a close, once for each reading of contracts there is, the points of
/// every append and commit, and the steps.
fn ends() -> Vec<End> {
    let before_the_seal = || CLOSE_POINTS.iter().filter(|point| **point != CARRIED);
    let mut ends: Vec<End> = before_the_seal().map(|point| End::At(point, 0)).collect();
    ends.extend([End::At("close.rated", 1), End::At("append.folded", 0)]);
    ends.extend((0..3).map(|times| End::At("commit.before", times)));
    // The fifth step is told after the seal: the first month is closed then.
    ends.extend((1..=5).map(End::Killed));
    // Once more in the next month, which the close before must not have spoiled.
    ends.push(End::At("commit.after", 0));
    ends.extend(before_the_seal().map(|point| End::At(point, 0)));
    ends.push(End::At(CARRIED, 3));
    ends.push(End::Never);
    ends
}

/// Closes until the end; gives what was acknowledged.
fn run((url, folder): (&str, &Path), end: End) -> Vec<(String, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_close"));
    command.arg(url).arg(folder).stderr(Stdio::null());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    if let End::At(point, times) = end {
        command.env(CRASH_AT, format!("{point}:{times}"));
    }
    let mut child = command.spawn().expect("the rehearsal starts");
    let mut going_on = child.stdin.take().expect("piped");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (mut acknowledged, mut steps) = (Vec::new(), 0);
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "closed" {
            acknowledged.push((words[1].to_owned(), words[2].to_owned()));
            continue;
        }
        steps += 1;
        // It waits inside the step, so that the kill cannot come too late.
        if matches!(end, End::Killed(after) if steps == after) {
            child.kill().expect("killed");
        } else {
            // Struck at a point, it hears nothing more.
            let _ = going_on.write_all(b"\n");
        }
    }
    let status = child.wait().expect("its end");
    assert_eq!(status.signal().is_none(), matches!(end, End::Never), "{end:?}: {status}");
    acknowledged
}

/// The hash a period was closed with, if it is; an open one has no trace of a close.
fn closed(site: &Site, period: Period) -> Option<String> {
    let query = StatementQuery { period: Some(period), page: 1, ..StatementQuery::default() };
    let (view, issued, parked) = site
        .db
        .read(|read| {
            let view = close::period(read, site, period, site.now())?;
            let issued = statements::issued(read, &query)?.total;
            Ok::<_, lianshi_store::Fault>((view, issued, close::parked_in(read, period)?))
        })
        .expect("read");
    if view.state == PeriodState::Open {
        assert_eq!((issued, parked.len()), (0, 0), "{period} is open and has traces of a close");
        return None;
    }
    assert_eq!(parked.len(), 1, "{period}: the calls without a contract");
    Some(view.closed.expect("closed").result_hash)
}

fn strike(url: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    stage(&open(url, folder.path()));
    let twin_folder = tempfile::tempdir().expect("a folder");
    let twin_url = format!("sqlite://{}", twin_folder.path().join("twin.sqlite").display());
    let twin = open(&twin_url, twin_folder.path());
    stage(&twin);
    let hashes: Vec<String> = MONTHS
        .iter()
        .map(|text| {
            let closed = close::close_period(&twin, &Actor::node(), month(text)).expect("closed");
            closed.period.closed.expect("closed").result_hash
        })
        .collect();
    let mut struck_inside = 0;
    for end in ends() {
        let acknowledged = run((url, folder.path()), end);
        let site = open(url, folder.path());
        // As a node does that is started.
        close::go_on(&site).expect("gone on");
        for (text, hash) in MONTHS.iter().zip(&hashes) {
            let found = closed(&site, month(text));
            struck_inside += usize::from(found.is_none());
            assert!(found.is_none_or(|found| found == *hash), "{end:?}: another result");
        }
        for (text, hash) in acknowledged {
            let found = closed(&site, month(&text));
            assert_eq!(found, Some(hash), "{end:?}: {text} was acknowledged");
        }
        let check = site.db.read(|read| ledger::check(read, &site)).expect("checked");
        assert!(check.holds(), "{end:?}: {:#?}", check.findings);
    }
    assert!(struck_inside > 10, "it was struck inside");
    let site = open(url, folder.path());
    assert_eq!(exported(&site), exported(&twin), "as if nothing had happened");
}

#[test]
fn a_close_struck_anywhere_has_not_happened_or_is_whole_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    strike(&format!("sqlite://{}", folder.path().join("node.sqlite").display()));
}

#[test]
fn a_close_struck_anywhere_has_not_happened_or_is_whole_on_postgresql() {
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES")
        .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
    let name = format!("close_{}", std::process::id());
    let made = Command::new("psql")
        .args([&format!("{cluster}/postgres"), "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .expect("psql runs");
    assert!(made.success());
    strike(&format!("{cluster}/{name}"));
}
