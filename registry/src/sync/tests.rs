//! What two nodes say to each other about the heads they hold.

mod examine;

use super::*;
use crate::{
    checkpoint::Checkpoint,
    key::KeyPair,
    merkle::{empty_root, leaf_hash},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn name(number: u8) -> NodeName {
    NodeName::parse(&format!("n{number}")).expect("a name")
}

fn origin(number: u8) -> Origin {
    Origin::parse(&format!("tested.example/n{number}/1")).expect("an origin")
}

fn head(number: u8, size: u64, said: &str) -> SignedHead {
    let key = KeyPair::from_seed([number; 32]);
    let (origin, root) = (origin(number), leaf_hash(said.as_bytes()));
    let note = Checkpoint { origin: origin.clone(), size, root }.sign(&key);
    SignedHead::open(&note, &origin, &key.public()).expect("signed")
}

/// A node that follows ten logs and holds these heads.
fn node(number: u8, heads: &[SignedHead]) -> Sync {
    let mut sync = Sync::new(origin(number));
    let source = |number| Source {
        origin: origin(number),
        log_key: KeyPair::from_seed([number; 32]).public(),
        quota_bytes: 1_000 * ENTRY_BYTES_COUNTED,
    };
    sync.step(NOW, Input::Sources((0..10).map(source).collect()));
    for head in heads {
        hold(&mut sync, head);
    }
    sync
}

fn hold(sync: &mut Sync, head: &SignedHead) -> Vec<Output> {
    let (origin, size, root) = (head.origin().clone(), head.size(), head.root());
    sync.step(NOW, Input::Held { origin, size, root, head: Some(head.clone()) })
}

/// Links `asker` with a peer and gives its request and what it says it holds.
fn link(asker: &mut Sync, peer: u8) -> (RequestId, Digest) {
    let mut outputs = asker.step(NOW, Input::Connected(name(peer)));
    let Some(Output::AskHeads { request, digest, .. }) = outputs.pop() else { panic!("no asking") };
    (request, digest)
}

#[test]
fn nodes_that_hold_the_same_show_each_other_their_own_heads_alone() {
    let heads: Vec<SignedHead> = (0..10).map(|number| head(number, 5, "same")).collect();
    let (mut one, mut two) = (node(1, &heads), node(2, &heads));
    let (request, digest) = link(&mut one, 2);
    let answer = two.answer(&digest);
    assert_eq!(answer, [heads[2].clone()]);
    let outputs = one.step(NOW, Input::Heads { request, heads: answer });
    assert_eq!(outputs, [Output::Confirmed(origin(2))], "the writer says that it is the newest");
    assert_eq!(one.remembered(), 0);
}

#[test]
fn a_head_that_differs_is_shown_whichever_side_is_ahead() {
    let heads: Vec<SignedHead> = (0..10).map(|number| head(number, 5, "same")).collect();
    let newer = head(7, 6, "newer");
    for (asker_is_ahead, differs) in [(false, &newer), (true, &heads[7])] {
        let (mut one, mut two) = (node(1, &heads), node(2, &heads));
        hold(if asker_is_ahead { &mut one } else { &mut two }, &newer);
        let (_, digest) = link(&mut one, 2);
        let answer = two.answer(&digest);
        assert_eq!(answer.first(), Some(&heads[2]), "the own head comes first");
        assert!(answer.contains(differs));
        assert!(answer.len() < 10, "only what shares a bucket with it");
    }
}

#[test]
fn a_second_history_of_one_size_differs_too() {
    let heads: Vec<SignedHead> = (0..10).map(|number| head(number, 5, "same")).collect();
    let forked = head(2, 5, "another history");
    let (mut one, mut two) = (node(1, &heads), node(2, std::slice::from_ref(&forked)));
    let (request, digest) = link(&mut one, 2);
    let outputs = one.step(NOW, Input::Heads { request, heads: two.answer(&digest) });
    assert!(matches!(outputs.as_slice(), [Output::Conflict(conflict)] if conflict.newer == forked));
    let (_, digest) = link(&mut one, 2);
    let mut three = node(3, &heads);
    three.step(NOW, Input::Forked(origin(2)));
    assert_eq!(
        three.answer(&digest),
        [heads[3].clone()],
        "what is frozen is not compared for ever"
    );
}

#[test]
fn a_node_behind_its_own_log_hears_of_it() {
    let (mut restored, mut peer) =
        (node(1, &[head(1, 3, "backup")]), node(2, &[head(1, 9, "all")]));
    let (request, digest) = link(&mut restored, 2);
    let outputs = restored.step(NOW, Input::Heads { request, heads: peer.answer(&digest) });
    assert_eq!(outputs, [Output::OwnLogBehind(head(1, 9, "all"))]);
}

#[test]
fn what_is_claimed_is_forgotten_when_it_is_held() {
    let mut sync = node(1, &[]);
    for peer in [2, 3, 4] {
        let (request, _) = link(&mut sync, peer);
        sync.step(NOW, Input::Heads { request, heads: Vec::new() });
    }
    for peer in [2, 3] {
        sync.step(NOW, Input::Announced { peer: name(peer), head: head(7, 5, "news") });
    }
    assert_eq!((sync.remembered(), sync.lagging()), (4, 1), "two claims, one head and a request");
    let request = sync.next_request;
    let outputs = sync.step(NOW, Input::Fetched { request, bytes: b"bundle".to_vec() });
    assert!(matches!(outputs.as_slice(), [Output::Store(pulled)] if pulled.peer == name(2)));
    let stored = Input::Stored { origin: origin(7), size: 5, root: head(7, 5, "news").root() };
    let outputs = sync.step(NOW, stored);
    let told = Output::Announce { peer: name(4), head: head(7, 5, "news") };
    assert_eq!(outputs, [told], "nobody who is known to have it");
    assert_eq!((sync.remembered(), sync.lagging()), (0, 0));
    sync.step(NOW, Input::Announced { peer: name(4), head: head(7, 5, "news") });
    assert_eq!(sync.remembered(), 0, "what is held is not remembered again");
}

#[test]
fn of_a_bundle_that_is_partly_held_the_rest_is_asked_for() {
    for (held, wanted, path) in
        [(256, 260, "tile/entries/001.p/4"), (5, 9, "entries/5/9"), (250, 300, "entries/250/256")]
    {
        let mut sync = node(1, &[head(7, held, "said before")]);
        link(&mut sync, 2);
        let announced = Input::Announced { peer: name(2), head: head(7, wanted, "news") };
        let outputs = sync.step(NOW, announced);
        let Some(Output::Fetch { path: asked, .. }) = outputs.first() else { panic!("a fetch") };
        assert_eq!(asked, path);
    }
}

#[test]
fn waiting_logs_take_turns() {
    let mut sync = node(1, &[]);
    link(&mut sync, 2);
    // It brought something before.
    sync.brought(NOW, &name(2), NOW.plus_millis(REQUEST_MS_MAX));
    let mut begun = Vec::new();
    for number in [2, 3, 4, 5, 6, 7] {
        let announced = Input::Announced { peer: name(2), head: head(number, 1, "first") };
        begun.extend(sync.step(NOW, announced));
    }
    assert_eq!(begun.len(), PULLS_MAX);
    // The first one brings nothing, and its turn is over.
    let Some(Output::Fetch { request, .. }) = begun.first() else { panic!("a fetch") };
    let next = sync.step(NOW, Input::Failed { request: *request });
    assert!(matches!(next.as_slice(), [Output::Fetch { origin: of, .. }] if *of == origin(6)));
}

#[test]
fn two_histories_freeze_a_log_whoever_shows_the_second() {
    let mut sync = node(1, &[head(7, 5, "one")]);
    let shown = Input::Announced { peer: name(9), head: head(7, 5, "other") };
    assert!(matches!(sync.step(NOW, shown).as_slice(), [Output::Conflict(_)]), "though not linked");
}

#[test]
fn a_digest_has_one_length_and_reads_back() {
    let digest = link(&mut node(1, &[head(2, 5, "x")]), 2).1;
    let bytes = digest.to_bytes();
    assert_eq!(bytes.len(), DIGEST_BYTES);
    assert_eq!(Digest::parse(&bytes), Some(digest));
    for length in [0, 1, DIGEST_BYTES - 1, DIGEST_BYTES + 1, DIGEST_BYTES + 16] {
        assert_eq!(Digest::parse(&vec![0; length]), None, "{length}");
    }
}

#[test]
fn an_answer_ends_before_the_frame_does() {
    let mut sync = node(0, &[head(0, 5, "own")]);
    let key = KeyPair::from_seed([9; 32]);
    let many = (0..6_000).map(|number| format!("tested.example/member-{number}/1"));
    let many: Vec<Origin> = many.map(|text| Origin::parse(&text).expect("an origin")).collect();
    let source = |origin: &Origin| {
        let (origin, log_key) = (origin.clone(), key.public());
        Source { origin, log_key, quota_bytes: 1_000 * ENTRY_BYTES_COUNTED }
    };
    sync.step(NOW, Input::Sources(many.iter().map(source).collect()));
    for origin in &many {
        let root = leaf_hash(b"x");
        let note = Checkpoint { origin: origin.clone(), size: 5, root }.sign(&key);
        hold(&mut sync, &SignedHead::open(&note, origin, &key.public()).expect("signed"));
    }
    let nothing = Digest::parse(&[0; DIGEST_BYTES]).expect("a digest");
    let answer = sync.answer(&nothing);
    let bytes: usize = answer.iter().map(|head| head.note().len()).sum();
    assert_eq!(answer.first(), Some(&head(0, 5, "own")));
    let room = HEADS_BYTES_MAX - bytes;
    assert!(answer.len() < many.len() && room < 1_000, "{} heads, {bytes} bytes", answer.len());
}

#[test]
fn entries_towards_a_head_that_nobody_shows_any_more_are_forgotten() {
    let mut sync = node(1, &[]);
    let (origin, root) = (origin(7), leaf_hash(b"tail"));
    sync.step(NOW, Input::Held { origin: origin.clone(), size: 900, root, head: None });
    link(&mut sync, 2);
    let shown = Input::Announced { peer: name(2), head: head(7, 300, "smaller") };
    let smaller = head(7, 300, "smaller");
    assert_eq!(sync.step(NOW, shown), [Output::Compare(smaller.clone())]);
    let contained = Input::Compared { head: smaller, found: Comparison::Contained };
    assert_eq!(sync.step(NOW, contained), [Output::DropTail(origin.clone())]);
    let dropped = Input::TailDropped { origin, size: 0, root: empty_root() };
    let outputs = sync.step(NOW, dropped);
    let path = |output: &Output| match output {
        Output::Fetch { path, .. } => path.clone(),
        other => panic!("{other:?}"),
    };
    let paths: Vec<String> = outputs.iter().map(path).collect();
    assert_eq!(paths, ["tile/entries/000", "tile/entries/001.p/44"]);
}

#[test]
fn entries_of_the_own_log_that_are_not_signed_hide_no_signed_head() {
    let mut sync = node(1, &[head(1, 80, "signed")]);
    let own = Input::Held { origin: origin(1), size: 100, root: leaf_hash(b"new"), head: None };
    sync.step(NOW, own);
    link(&mut sync, 2);
    let lost = head(1, 95, "signed before the backup was restored");
    let outputs = sync.step(NOW, Input::Announced { peer: name(2), head: lost.clone() });
    assert_eq!(outputs, [Output::OwnLogBehind(lost)]);
}

/// A node that follows these logs and is linked with these peers.
fn linked(logs: &[Origin], peers: &[&str]) -> Sync {
    let mut sync = Sync::new(origin(0));
    let source = |origin: &Origin| Source {
        origin: origin.clone(),
        log_key: KeyPair::from_seed([1; 32]).public(),
        quota_bytes: 10_000 * ENTRY_BYTES_COUNTED,
    };
    sync.step(NOW, Input::Sources(logs.iter().map(source).collect()));
    for peer in peers {
        sync.step(NOW, Input::Connected(NodeName::parse(peer).expect("a name")));
    }
    sync
}

fn head_of(origin: &Origin, size: u64) -> SignedHead {
    let key = KeyPair::from_seed([1; 32]);
    let note = Checkpoint { origin: origin.clone(), size, root: leaf_hash(b"all") }.sign(&key);
    SignedHead::open(&note, origin, &key.public()).expect("signed")
}

/// Lets time pass in ticks of a second; `serve` says what a peer answers: bytes, nothing at once
/// (`Err`), or not at all (`None`). What is fetched whole is stored. Gives how many requests there
/// were.
fn live(
    sync: &mut Sync,
    (from, seconds): (Timestamp, i64),
    serve: impl Fn(&NodeName) -> Option<Result<Vec<u8>, ()>>,
) -> usize {
    let mut asked = 0;
    for second in 0..seconds {
        let now = from.plus_millis(second * 1_000);
        let mut outputs = sync.step(now, Input::Tick);
        while let Some(output) = outputs.pop() {
            match output {
                Output::Fetch { request, peer, .. } => {
                    asked += 1;
                    let input = match serve(&peer) {
                        Some(Ok(bytes)) => Input::Fetched { request, bytes },
                        Some(Err(())) => Input::Failed { request },
                        None => continue,
                    };
                    outputs.extend(sync.step(now, input));
                }
                Output::Store(pulled) => {
                    let (origin, size) = (pulled.head.origin().clone(), pulled.to);
                    let root = pulled.head.root();
                    outputs.extend(sync.step(now, Input::Stored { origin, size, root }));
                }
                Output::Compare(head) => {
                    let found = Comparison::Contained;
                    outputs.extend(sync.step(now, Input::Compared { head, found }));
                }
                Output::DropTail(origin) => {
                    let (size, root) = (0, empty_root());
                    outputs.extend(sync.step(now, Input::TailDropped { origin, size, root }));
                }
                _ => {}
            }
        }
    }
    asked
}

#[test]
fn four_silent_peers_delay_three_hundred_logs_by_minutes_and_not_for_ever() {
    let logs: Vec<Origin> = (0..300)
        .map(|n| Origin::parse(&format!("tested.example/log{n}/1")).expect("an origin"))
        .collect();
    let peers = ["a1", "a2", "a3", "a4", "honest"];
    let mut sync = linked(&logs, &peers);
    for peer in peers {
        for log in &logs {
            let peer = NodeName::parse(peer).expect("a name");
            // The silent ones claim more than there is.
            let size = if peer.as_str() == "honest" { 9 } else { 90 };
            sync.step(NOW, Input::Announced { peer, head: head_of(log, size) });
        }
    }
    let honest = |peer: &NodeName| (peer.as_str() == "honest").then(|| Ok(b"bundle".to_vec()));
    live(&mut sync, (NOW, 300), honest);
    let held = logs.iter().filter(|log| sync.logs[*log].size >= 9).count();
    assert_eq!(held, 300, "held after five minutes");
}

#[test]
fn who_takes_a_log_hostage_is_left_and_not_asked_for_ever() {
    let log = Origin::parse("tested.example/writer/1").expect("an origin");
    let mut sync = linked(std::slice::from_ref(&log), &["writer", "honest"]);
    let name = |text: &str| NodeName::parse(text).expect("a name");
    // The writer showed 5,000 entries, served 2,048 of them and then nothing more.
    let served =
        Input::Held { origin: log.clone(), size: 2_048, root: leaf_hash(b"some"), head: None };
    sync.step(NOW, served);
    sync.step(NOW, Input::Announced { peer: name("writer"), head: head_of(&log, 5_000) });
    sync.step(NOW, Input::Announced { peer: name("honest"), head: head_of(&log, 100) });
    let contained = Input::Compared { head: head_of(&log, 100), found: Comparison::Contained };
    sync.step(NOW, contained);
    let refuses = |peer: &NodeName| {
        Some(if peer.as_str() == "honest" { Ok(b"bundle".to_vec()) } else { Err(()) })
    };
    live(&mut sync, (NOW, 300), refuses);
    let held = sync.logs[&log].head.as_ref().map(SignedHead::size);
    assert_eq!(held, Some(100), "what somebody serves");
    let asked = live(&mut sync, (NOW.plus_millis(300_000), 24 * 3_600), refuses);
    assert!(asked < 24 * 3_600 / 500 * 9, "{asked} futile requests in a day");
}

#[test]
fn who_may_be_silent_is_left_as_soon_as_somebody_shows_the_same_who_serves() {
    let logs = [1, 2].map(|n| Origin::parse(&format!("tested.example/log{n}/1")).expect("a log"));
    let name = |text: &str| NodeName::parse(text).expect("a name");
    let mut sync = linked(&logs, &["silent", "serves"]);
    sync.brought(NOW, &name("serves"), NOW.plus_millis(REQUEST_MS_MAX));
    let mut announce = |peer: &str, log: &Origin| {
        let announced = Input::Announced { peer: name(peer), head: head_of(log, 9) };
        let asked = |output| match output {
            Output::Fetch { peer, .. } => Some(peer),
            _ => None,
        };
        sync.step(NOW, announced).into_iter().find_map(asked)
    };
    assert_eq!(announce("silent", &logs[0]), Some(name("silent")), "nobody else shows it");
    assert_eq!(announce("serves", &logs[0]), Some(name("serves")));
    assert_eq!(announce("serves", &logs[1]), Some(name("serves")));
    assert_eq!(announce("silent", &logs[1]), None, "who serves is not left");
}

#[test]
fn who_served_and_is_late_by_its_own_measure_is_left_for_another_that_serves() {
    let log = Origin::parse("tested.example/writer/1").expect("an origin");
    let name = |text: &str| NodeName::parse(text).expect("a name");
    let asked = |outputs: Vec<Output>| -> Vec<NodeName> {
        let peer = |output| if let Output::Fetch { peer, .. } = output { Some(peer) } else { None };
        outputs.into_iter().filter_map(peer).collect()
    };
    // The late one took this long until now, and is left after twice that, never sooner than two
    // seconds.
    for (took_ms, left_ms) in [(100, 2_000), (1_500, 3_000)] {
        let mut sync = linked(std::slice::from_ref(&log), &["late", "other"]);
        for peer in ["late", "other"] {
            sync.brought(NOW, &name(peer), NOW.plus_millis(REQUEST_MS_MAX - took_ms));
        }
        let announced = |peer| Input::Announced { peer: name(peer), head: head_of(&log, 9) };
        assert_eq!(asked(sync.step(NOW, announced("late"))), [name("late")]);
        assert!(asked(sync.step(NOW, announced("other"))).is_empty());
        for waited in (0..left_ms).step_by(500) {
            let now = NOW.plus_millis(waited);
            assert!(asked(sync.step(now, Input::Tick)).is_empty(), "after {waited} ms");
        }
        let now = NOW.plus_millis(left_ms);
        assert_eq!(asked(sync.step(now, Input::Tick)), [name("other")], "{left_ms} ms");
    }
}

#[test]
fn of_a_log_beyond_its_quota_the_smaller_head_is_asked_for_and_the_larger_one_no_more() {
    let log = Origin::parse("tested.example/writer/1").expect("an origin");
    let name = |text: &str| NodeName::parse(text).expect("a name");
    let mut sync = linked(std::slice::from_ref(&log), &["writer"]);
    // Shows a head, serves everything asked for, and gives the sizes that were to be stored: the
    // bytes of two hundred entries do not fit, those of a hundred and fifty do.
    let mut show = |size| {
        let head = head_of(&log, size);
        let mut outputs = sync.step(NOW, Input::Announced { peer: name("writer"), head });
        let mut sizes = Vec::new();
        while let Some(output) = outputs.pop() {
            let input = match output {
                Output::Fetch { request, .. } => {
                    Input::Fetched { request, bytes: b"bundle".to_vec() }
                }
                Output::Store(pulled) => {
                    let (origin, size) = (log.clone(), pulled.to);
                    sizes.push(size);
                    if size == 200 {
                        Input::NotStored { origin, fault: PullFault::Quota }
                    } else {
                        Input::Stored { origin, size, root: pulled.head.root() }
                    }
                }
                _ => continue,
            };
            outputs.extend(sync.step(NOW, input));
        }
        sizes
    };
    assert_eq!(show(200), [200]);
    assert!(show(200).is_empty(), "once is enough");
    assert_eq!(show(150), [150]);
    assert_eq!(sync.logs[&log].size, 150);
}

#[test]
fn a_slow_peer_comes_after_one_that_is_not() {
    let log = |n: u32| Origin::parse(&format!("tested.example/log{n}/1")).expect("an origin");
    let logs: Vec<Origin> = (0..5).map(log).collect();
    let name = |text: &str| NodeName::parse(text).expect("a name");
    for (slow, fast) in [("one", "other"), ("other", "one")] {
        let mut sync = linked(&logs, &[slow, fast]);
        for (peer, took) in [(fast, 100), (slow, 19_000)] {
            sync.brought(NOW, &name(peer), NOW.plus_millis(REQUEST_MS_MAX - took));
        }
        let mut requests = Vec::new();
        for log in &logs {
            // Every place is taken before both show the last one.
            for peer in [fast, slow] {
                let announced = Input::Announced { peer: name(peer), head: head_of(log, 9) };
                let outputs = sync.step(NOW, announced);
                requests.extend(outputs.into_iter().filter_map(|output| match output {
                    Output::Fetch { request, .. } => Some(request),
                    _ => None,
                }));
            }
        }
        assert_eq!(requests.len(), PULLS_MAX);
        let input = Input::Fetched { request: requests[0], bytes: b"bundle".to_vec() };
        let outputs = sync.step(NOW, input);
        let next = outputs.iter().find_map(|output| match output {
            Output::Fetch { peer, origin, .. } => Some((peer.clone(), origin.clone())),
            _ => None,
        });
        assert_eq!(next, Some((name(fast), logs[4].clone())), "though it has three others");
    }
}
