//! No date that one side writes decides alone what the other may charge.

use super::*;

const DAY_MS: i64 = 86_400_000;

fn ending(by: Side, day: i64) -> Ending {
    Ending { by, at: now().plus_millis(day * DAY_MS), code: "x".to_owned(), text: "x".to_owned() }
}

/// A copy in force, ended as given.
fn copy(ended: Option<Ending>) -> Process {
    let offering = offering();
    let opened = Process::open(parties(), request(&offering, "auto", 12), Some(&offering), now());
    Process { ending: ended, ..opened.expect("open").process }
}

fn after(number: i64) -> Timestamp {
    now().plus_millis(number * DAY_MS)
}

#[test]
fn what_the_other_side_ended_counts_from_its_receipt() {
    for (written, counts) in [(-40, 10), (10, 10), (12, 12)] {
        let ended = copy(Some(ending(Side::Provider, written)));
        assert_eq!(ended.fees_end(Some(&copy(None)), after(10)), Some(after(counts)), "{written}");
        assert_eq!(ended.fees_end(None, after(10)), Some(after(counts)));
    }
    assert_eq!(copy(None).fees_end(Some(&copy(None)), after(10)), None);
}

#[test]
fn of_two_endings_that_crossed_the_one_that_counts_first_counts() {
    for (own, written, counts) in [(5, 3, 5), (15, 3, 10), (5, 20, 5)] {
        let before = copy(Some(ending(Side::Home, own)));
        let ended = copy(Some(ending(Side::Provider, written)));
        assert_eq!(
            ended.fees_end(Some(&before), after(10)),
            Some(after(counts)),
            "{own} {written}"
        );
    }
}

#[test]
fn a_second_ending_of_the_other_side_changes_nothing() {
    let before = copy(Some(ending(Side::Provider, 1)));
    assert_eq!(copy(Some(ending(Side::Provider, 0))).fees_end(Some(&before), after(10)), None);
}

#[test]
fn a_copy_made_again_counts_from_what_was_written_and_when() {
    let (process, id) = (copy(None), copy(None).id);
    let said = |from: Side, (ended, at): (i64, i64)| Message {
        process: id.clone(),
        seq: 9,
        from,
        state: State::Ended,
        at: after(at),
        body: Body::End(ending(from, ended)),
    };
    let of = |messages: &[Message]| process.fees_end_of(messages.iter());
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[said(Side::Provider, (-40, 10))]), Some(after(10)), "no date takes a fee back");
    assert_eq!(of(&[said(Side::Home, (4, 10))]), Some(after(4)), "its own counts as written");
    let both = [said(Side::Provider, (3, 12)), said(Side::Home, (7, 8))];
    assert_eq!(of(&both), Some(after(7)));
}
