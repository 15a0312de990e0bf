//! Group commit: everyone is answered, after the commit, and one bad request fails alone.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use lianshi_store::{
    Db, Fault, Write,
    group::{Group, GroupError},
    numbers,
};

use crate::support::on_both;

/// Takes a number for each request; a request for `bad` fails.
fn take(write: &mut Write<'_>, requests: &[&'static str]) -> Result<Vec<i64>, Fault> {
    let number = |series: &&'static str| match *series {
        "bad" => Err(Fault::corrupt("test", "on purpose")),
        series => numbers::next(write, series),
    };
    requests.iter().map(number).collect()
}

fn start(db: &Db) -> Group<&'static str, i64> {
    Group::start(db.clone(), "test-group", take).expect("a thread")
}

#[test]
fn many_callers_share_transactions_and_each_gets_its_own_answer() {
    on_both(|db| {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let group = Group::start(db.clone(), "test-group", move |write, requests: &[&str]| {
            counted.fetch_add(1, Ordering::Relaxed);
            let number = |series: &&str| numbers::next(write, series);
            requests.iter().map(number).collect()
        })
        .expect("a thread");
        let mut numbers: Vec<i64> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..16)
                .map(|_| {
                    let group = group.clone();
                    scope.spawn(move || {
                        (0..20).map(|_| group.call("a").expect("answered")).collect::<Vec<i64>>()
                    })
                })
                .collect();
            callers.into_iter().flat_map(|caller| caller.join().expect("ran")).collect()
        });
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=320).collect::<Vec<i64>>());
        assert!(runs.load(Ordering::Relaxed) < 320, "no transaction was shared");
    });
}

#[test]
fn a_bad_request_fails_alone() {
    on_both(|db| {
        let group = start(db);
        let (answer, answers) = std::sync::mpsc::channel();
        // The first request keeps the writer busy, so that the others become one group.
        for series in ["a", "b", "bad", "b", "b"] {
            let answer = answer.clone();
            group.submit(series, move |outcome| answer.send((series, outcome)).expect("heard"));
        }
        let mut good = Vec::new();
        for (series, outcome) in answers.iter().take(5) {
            match outcome {
                Ok(number) => good.push((series, number)),
                Err(error) => {
                    assert_eq!(series, "bad");
                    assert!(matches!(error, GroupError::Failed(_)), "{error:?}");
                }
            }
        }
        assert_eq!(good, [("a", 1), ("b", 1), ("b", 2), ("b", 3)]);
    });
}

#[test]
fn an_answer_means_that_the_row_is_there() {
    on_both(|db| {
        let group = start(db);
        for expected in 1..=5 {
            assert_eq!(group.call("a").expect("answered"), expected);
            let next: Result<i64, Fault> = db.write(|write| numbers::next(write, "b"));
            assert_eq!(next.expect("taken"), expected);
        }
        drop(group);
        let next: Result<i64, Fault> = db.write(|write| numbers::next(write, "a"));
        assert_eq!(next.expect("taken"), 6);
    });
}

#[test]
fn a_writer_that_panicked_says_that_it_stopped() {
    on_both(|db| {
        let group: Group<(), ()> =
            Group::start(db.clone(), "test-group", |_, _| panic!("on purpose")).expect("a thread");
        assert!(matches!(group.call(()), Err(GroupError::Stopped)));
        assert!(matches!(group.call(()), Err(GroupError::Stopped)));
    });
}
