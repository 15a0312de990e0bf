//! Whether every signed head that somebody shows is compared with the entries.

use super::*;

fn announce(sync: &mut Sync, peer: u8, head: &SignedHead) -> Vec<Output> {
    sync.step(NOW, Input::Announced { peer: name(peer), head: head.clone() })
}

fn compared(sync: &mut Sync, head: &SignedHead, found: Comparison) -> Vec<Output> {
    sync.step(NOW, Input::Compared { head: head.clone(), found })
}

fn is_fetch(output: &Output) -> bool {
    matches!(output, Output::Fetch { .. })
}

/// A node that holds `size` entries of log 7, pulled towards a larger head, and peers 2 and 3.
fn in_the_middle(size: u64) -> Sync {
    let mut sync = node(1, &[]);
    let (origin, root) = (origin(7), leaf_hash(b"tail"));
    sync.step(NOW, Input::Held { origin, size, root, head: None });
    for peer in [2, 3] {
        let (request, _) = link(&mut sync, peer);
        sync.step(NOW, Input::Heads { request, heads: Vec::new() });
    }
    sync
}

#[test]
fn what_a_peer_holds_is_compared_with_entries_that_nobody_serves_on() {
    // Everything, a half, and just as much as is held here.
    for honest in [100, 2_047, 2_048].map(|size| head(7, size, "honest")) {
        let mut sync = in_the_middle(2_048);
        announce(&mut sync, 2, &head(7, 5_000, "boast"));
        let outputs = announce(&mut sync, 3, &honest);
        assert!(outputs.contains(&Output::Compare(honest.clone())), "{outputs:?}");
        let conflict =
            Conflict { older: honest.clone(), newer: head(7, 5_000, "boast"), proof: Vec::new() };
        let found = Comparison::Contradicted(Box::new(conflict.clone()));
        let outputs = compared(&mut sync, &honest, found);
        assert_eq!(outputs, [Output::Conflict(Box::new(conflict))]);
    }
}

#[test]
fn nobody_is_pulled_from_or_blamed_before_an_equally_large_head_is_compared() {
    let mut sync = in_the_middle(300);
    let other = head(7, 300, "other");
    assert_eq!(announce(&mut sync, 3, &other), [Output::Compare(other.clone())]);
    assert_eq!(sync.step(NOW, Input::Tick), []);
    // Nothing proves what is held: it is dropped, and what the peer has is pulled instead.
    assert_eq!(compared(&mut sync, &other, Comparison::Unproved), [Output::DropTail(origin(7))]);
    let (size, root) = (0, empty_root());
    let outputs = sync.step(NOW, Input::TailDropped { origin: origin(7), size, root });
    assert!(outputs.iter().all(is_fetch) && outputs.len() == 2, "{outputs:?}");
}

#[test]
fn a_head_that_waits_is_compared_when_the_log_has_grown_though_its_peer_is_gone() {
    let mut sync = in_the_middle(0);
    let escaping = head(7, 5, "escaping");
    announce(&mut sync, 3, &escaping);
    announce(&mut sync, 3, &head(7, 7, "larger"));
    sync.step(NOW, Input::Disconnected(name(3)));
    let request = sync.next_request + 1;
    announce(&mut sync, 2, &head(7, 9, "pulled"));
    sync.step(NOW, Input::Fetched { request, bytes: b"bundle".to_vec() });
    let (size, root) = (9, head(7, 9, "pulled").root());
    let outputs = sync.step(NOW, Input::Stored { origin: origin(7), size, root });
    assert!(outputs.contains(&Output::Compare(escaping.clone())), "{outputs:?}");
    let outputs = compared(&mut sync, &escaping, Comparison::Contained);
    assert_eq!(outputs, [Output::Compare(head(7, 7, "larger"))]);
    assert_eq!(compared(&mut sync, &head(7, 7, "larger"), Comparison::Contained), []);
    assert_eq!(sync.remembered(), 0);
}

#[test]
fn who_shows_many_heads_displaces_no_head_of_another() {
    let mut sync = in_the_middle(0);
    let quiet = head(7, 9_999, "quiet");
    announce(&mut sync, 3, &quiet);
    for size in 1..1_000 {
        announce(&mut sync, 2, &head(7, size, "flood"));
    }
    let waiting = &sync.unexamined[&origin(7)];
    assert_eq!(waiting.len(), UNEXAMINED_MAX);
    assert!(waiting.iter().any(|one| *one.head() == quiet));
}

#[test]
fn what_lies_above_the_quota_waits_too() {
    let mut sync = in_the_middle(0);
    let above = head(7, 10_000_001, "above");
    assert_eq!(announce(&mut sync, 3, &above), []);
    assert_eq!((sync.unexamined[&origin(7)].len(), sync.lagging()), (1, 0));
}

#[test]
fn what_waits_for_long_is_kept_on_disk_once() {
    let mut sync = in_the_middle(0);
    let waiting = head(7, 10_000_001, "above");
    announce(&mut sync, 3, &waiting);
    let kept = |sync: &mut Sync, after_ms: i64| {
        let outputs = sync.step(NOW.plus_millis(after_ms), Input::Tick);
        outputs.into_iter().filter(|output| matches!(output, Output::Keep(_))).collect::<Vec<_>>()
    };
    assert_eq!(kept(&mut sync, KEEP_AFTER_MS - 1), []);
    assert_eq!(kept(&mut sync, KEEP_AFTER_MS), [Output::Keep(waiting)]);
    assert_eq!(kept(&mut sync, 2 * KEEP_AFTER_MS), []);
}

#[test]
fn what_lay_on_entries_that_are_gone_is_compared_again() {
    let mut sync = in_the_middle(300);
    let smaller = head(7, 200, "smaller");
    announce(&mut sync, 3, &smaller);
    let outputs = compared(&mut sync, &smaller, Comparison::Contained);
    assert_eq!(outputs, [Output::DropTail(origin(7))], "nobody shows more");
    let (size, root) = (0, empty_root());
    sync.step(NOW, Input::TailDropped { origin: origin(7), size, root });
    let (size, root) = (250, leaf_hash(b"other entries"));
    let outputs = sync.step(NOW, Input::Held { origin: origin(7), size, root, head: None });
    assert_eq!(outputs, [Output::Compare(smaller)], "nobody has to show it again");
}

#[test]
fn an_announcement_costs_the_same_however_much_is_awaited() {
    let log = |n: u32| Origin::parse(&format!("tested.example/log{n}/1")).expect("an origin");
    let peer = NodeName::parse("silent").expect("a name");
    // Milliseconds for a thousand heads of one log, beside claims that nobody serves.
    let taken = |claims: u32| {
        let logs: Vec<Origin> = (0..=claims).map(log).collect();
        let mut sync = linked(&logs, &["silent"]);
        for of in logs.iter().skip(1) {
            sync.step(NOW, Input::Announced { peer: peer.clone(), head: head_of(of, 9) });
        }
        // It rests.
        let request = sync.next_request;
        sync.step(NOW, Input::Failed { request });
        let heads: Vec<SignedHead> = (1..=1_000).map(|size| head_of(&logs[0], size)).collect();
        #[expect(clippy::disallowed_methods, reason = "a measurement measures real time")]
        let begun = std::time::Instant::now();
        for head in heads {
            sync.step(NOW, Input::Announced { peer: peer.clone(), head });
        }
        begun.elapsed().as_secs_f64() * 1e3
    };
    let (few, many) = (taken(20), taken(20_000));
    assert!(many < 20.0 * few.max(1.0), "{few} ms beside 20 logs, {many} ms beside 20,000");
}

#[test]
fn a_log_without_entries_is_held_as_such() {
    let mut sync = in_the_middle(0);
    let key = KeyPair::from_seed([7; 32]);
    let note = Checkpoint { origin: origin(7), size: 0, root: empty_root() }.sign(&key);
    let empty = SignedHead::open(&note, &origin(7), &key.public()).expect("signed");
    let outputs = announce(&mut sync, 2, &empty);
    let [Output::Store(pulled)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((pulled.from, pulled.to), (0, 0));
}

#[test]
fn a_head_whose_entries_were_dropped_while_it_was_compared_waits_for_others() {
    let mut sync = in_the_middle(300);
    let smaller = head(7, 200, "smaller");
    assert_eq!(announce(&mut sync, 3, &smaller), [Output::Compare(smaller.clone())]);
    let (size, root) = (0, empty_root());
    sync.step(NOW, Input::TailDropped { origin: origin(7), size, root });
    compared(&mut sync, &smaller, Comparison::Unproved);
    let (size, root) = (250, leaf_hash(b"other entries"));
    let grown = head(7, 250, "other entries");
    let held = Input::Held { origin: origin(7), size, root, head: Some(grown) };
    assert_eq!(sync.step(NOW, held), [Output::Compare(smaller)]);
}
