//! tlog-policy.

use lianshi_registry::{
    cosignature::Cosigner,
    key::KeyPair,
    note::{Algorithm, Note, VerifierKey},
    policy::{self, LineError, POLICY_BYTES_MAX, Policy, PolicyRefusal, smallest_quorum},
};
use proptest::prelude::*;

use crate::specimen::{Specimen, cosigners, log_vkey, policy as two_of_three};

fn cosigner(seed: u8) -> Cosigner {
    Cosigner::new(&format!("w{seed}.example"), KeyPair::from_seed([seed; 32])).expect("a name")
}

/// Witness lines `X1`…, of different keys.
fn witnesses(count: u8) -> String {
    let line = |seed| format!("witness X{seed} {}\n", cosigner(seed).vkey());
    (1..=count).map(line).collect::<Vec<_>>().concat()
}

fn parse(text: &str) -> Result<Policy, PolicyRefusal> {
    Policy::parse(text.as_bytes())
}

fn refused(text: &str, line: usize, error: LineError) {
    assert_eq!(parse(text), Err(PolicyRefusal::Line { line, error }), "{text}");
}

/// Whether the quorum is met when the witnesses at these places, from 1, have cosigned.
fn met(policy: &Policy, signed: &[usize]) -> bool {
    policy.quorum().is_met(&|place| signed.contains(&(place + 1)))
}

fn example() -> Policy {
    let text = format!(
        "# An example\nlog {}\n\n{}group X-witnesses 2 X1 X2 X3\ngroup Y any X4 X5 X6\n  \t\n\
         \tgroup X-and-Y   all\tX-witnesses Y  \n # the end\nquorum X-and-Y\n",
        log_vkey(),
        witnesses(6)
    );
    parse(&text).expect("the example of the specification")
}

#[test]
fn the_example_of_the_specification_counts_as_it_says() {
    let policy = example();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    assert!(met(&policy, &[1, 2, 4]));
    assert!(met(&policy, &[1, 2, 3, 4, 5, 6]));
    assert!(!met(&policy, &[1, 2, 3]));
    assert!(!met(&policy, &[1, 4, 5, 6]));
    assert!(!met(&policy, &[]));
}

#[test]
fn what_prints_parses_to_the_same() {
    for policy in [example(), two_of_three(), Policy::of_log(log_vkey())] {
        assert_eq!(parse(&policy.to_string()), Ok(policy));
    }
}

#[test]
fn lines_end_in_a_line_feed_and_words_are_parted_by_spaces_and_tabs_only() {
    refused("quorum none", 1, LineError::NotText);
    refused("quorum none\r\n", 1, LineError::NotText);
    refused("quorum none\x7f\n", 1, LineError::NotText);
    refused("quorum\u{a0}none\n", 1, LineError::Keyword);
    assert!(parse("\tquorum \t none \n\n").is_ok());
}

#[test]
fn comments_and_empty_lines_are_ignored_whatever_their_octets() {
    assert!(Policy::parse(b"# \xff\xfe caf\xe9\n   #\n \t\nquorum none\n").is_ok());
    refused("quorum none # no comment here\n", 1, LineError::Words);
}

#[test]
fn names_are_octets() {
    let text = format!("witness K {}\nquorum \u{212a}\n", cosigner(1).vkey());
    refused(&text, 2, LineError::UnknownName("\u{212a}".to_owned()));
    let mut latin = b"witness caf\xe9 ".to_vec();
    latin.extend(format!("{}\nquorum caf", cosigner(1).vkey()).bytes());
    latin.extend(b"\xe9\n");
    assert!(Policy::parse(&latin).is_ok());
    assert!(parse(&format!("witness 见证 {}\nquorum 见证\n", cosigner(1).vkey())).is_ok());
}

#[test]
fn there_is_exactly_one_quorum() {
    assert_eq!(parse(&witnesses(1)), Err(PolicyRefusal::NoQuorum));
    refused("quorum none\nquorum none\n", 2, LineError::QuorumTwice);
}

#[test]
fn names_are_defined_before_they_are_used() {
    refused("quorum X1\n", 1, LineError::UnknownName("X1".into()));
    refused("group g any X1\nquorum g\n", 1, LineError::UnknownName("X1".into()));
    let own = format!("{}group g any g\nquorum g\n", witnesses(1));
    refused(&own, 2, LineError::UnknownName("g".into()));
}

#[test]
fn a_name_is_defined_once_and_none_is_never() {
    let twice = format!("{}witness X1 {}\n", witnesses(1), cosigner(2).vkey());
    refused(&twice, 2, LineError::NameTaken("X1".into()));
    let group = format!("{}group X1 any X1\n", witnesses(1));
    refused(&group, 2, LineError::NameTaken("X1".into()));
    let none = format!("witness none {}\n", cosigner(1).vkey());
    refused(&none, 1, LineError::NameTaken("none".into()));
    let member = format!("{}group g any none X1\n", witnesses(1));
    refused(&member, 2, LineError::UnknownName("none".into()));
}

#[test]
fn a_name_is_a_member_at_most_once() {
    let twice = format!("{}group g 2 X1 X1\n", witnesses(1));
    refused(&twice, 2, LineError::MemberTwice("X1".into()));
    let elsewhere = format!("{}group g any X1\ngroup h any X1 X2\n", witnesses(2));
    refused(&elsewhere, 4, LineError::MemberTwice("X1".into()));
    let quorum = format!("{}group g any X1 X2\nquorum X1\n", witnesses(2));
    assert!(met(&parse(&quorum).expect("a quorum is no group"), &[1]));
}

#[test]
fn a_threshold_is_any_all_or_one_to_the_members() {
    for bad in ["0", "4", "-1", "+1", "1.5", "two", "ANY", "99999999999999999999"] {
        let text = format!("{}group g {bad} X1 X2 X3\nquorum g\n", witnesses(3));
        refused(&text, 4, LineError::Threshold(3));
    }
    refused(&format!("{}group g any\n", witnesses(1)), 2, LineError::Words);
    for (word, least) in [("any", 1), ("1", 1), ("2", 2), ("3", 3), ("all", 3)] {
        let text = format!("{}group g {word} X1 X2 X3\nquorum g\n", witnesses(3));
        let policy = parse(&text).expect("a threshold");
        for count in 0..=3 {
            let signed: Vec<usize> = (1..=count).collect();
            assert_eq!(met(&policy, &signed), count >= least, "{word} {count}");
        }
    }
}

#[test]
fn one_key_is_one_log_and_one_witness_whatever_its_names() {
    let log = |name: &str| {
        let key = KeyPair::from_seed([1; 32]).public();
        VerifierKey::new(name, Algorithm::Ed25519, key).expect("a name")
    };
    refused(&format!("log {}\nlog {}\n", log("a"), log("b")), 2, LineError::KeyTwice);
    let renamed = Cosigner::new("other.example", KeyPair::from_seed([1; 32])).expect("a name");
    let text = format!("{}witness Y1 {}\n", witnesses(1), renamed.vkey());
    refused(&text, 2, LineError::KeyTwice);
}

#[test]
fn a_witness_key_is_of_the_type_of_witnesses() {
    refused(&format!("witness w {}\n", log_vkey()), 1, LineError::KeyType);
    assert!(matches!(parse("log a+b+c\n"), Err(PolicyRefusal::Line { line: 1, .. })));
}

#[test]
fn other_lines_and_counts_of_words_are_refused() {
    refused("logs x\n", 1, LineError::Keyword);
    refused("log\n", 1, LineError::Words);
    refused(&format!("log {} url more\n", log_vkey()), 1, LineError::Words);
    refused("witness w\n", 1, LineError::Words);
    refused("quorum\n", 1, LineError::Words);
    refused("quorum a b\n", 1, LineError::Words);
    assert!(parse(&format!("log {} https://a.example/log/\nquorum none\n", log_vkey())).is_ok());
}

#[test]
fn many_times_thirty_two_definitions_are_supported_and_a_bound_holds() {
    let mut text = witnesses(200);
    for group in 0..40 {
        text.push_str(&format!("group g{group} any X{}\n", group + 1));
    }
    assert!(parse(&(text + "quorum g3\n")).is_ok());
    let long = vec![b'#'; POLICY_BYTES_MAX + 1];
    assert_eq!(Policy::parse(&long), Err(PolicyRefusal::TooLarge(long.len())));
}

#[test]
fn a_checkpoint_needs_a_listed_log_under_its_own_name_and_the_quorum() {
    let log = Specimen::new(9);
    let note = &log.files["checkpoint"];
    let vouched = two_of_three().open(note).expect("signed and cosigned");
    assert_eq!((vouched.body.size, vouched.witnesses.len(), vouched.settled), (9, 3, true));

    let another = KeyPair::from_seed([5; 32]).public();
    let another = VerifierKey::new("ningbo.example/haishu/1", Algorithm::Ed25519, another);
    let another = another.expect("a name");
    let elsewhere = two_of_three().only(another.clone());
    assert!(matches!(elsewhere.open(note), Err(PolicyRefusal::LogUnknown(_))));
    let both = format!("log {another}\nlog {}\nquorum none\n", log_vkey());
    assert!(parse(&both).expect("two logs").open(note).is_ok(), "any one of the logs suffices");

    let mut fewer = Note::parse(note).expect("a note");
    fewer.signatures.truncate(2);
    let missed = two_of_three().open(fewer.encode().as_bytes()).expect_err("one witness");
    let PolicyRefusal::QuorumMissed { signed, witnesses, asks } = missed else {
        panic!("{missed:?}")
    };
    assert_eq!((signed, witnesses), (1, 3));
    assert!(asks.starts_with("2 of ("), "{asks}");
}

#[test]
fn the_key_of_one_log_does_not_speak_for_the_origin_of_another() {
    let text = "ningbo.example/haishu/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let key = crate::specimen::log_key();
    let note = Note::sign(text.to_owned(), log_vkey().name(), &key).expect("plain").encode();
    let refused = Policy::of_log(log_vkey()).open(note.as_bytes());
    assert_eq!(refused, Err(PolicyRefusal::LogUnknown("ningbo.example/haishu/1".into())));
}

#[test]
fn a_policy_that_allows_a_split_view_is_refused_with_the_arithmetic() {
    let of = |n: u8, k: usize| {
        let names: Vec<String> = (1..=n).map(|seed| format!("X{seed}")).collect();
        let group = format!("group g {k} {}\nquorum g\n", names.join(" "));
        parse(&(witnesses(n) + &group)).expect("a policy")
    };
    let told = |policy: &Policy, dishonest| {
        policy.exclude_split_view(dishonest).map_err(|refusal| refusal.to_string())
    };
    // The figures of the specification's discussion: four witnesses, one dishonest; seven, two.
    for (n, k, f, sound) in [
        (4, 3, 1, true),
        (4, 2, 1, false),
        (7, 5, 2, true),
        (7, 4, 2, false),
        (3, 2, 0, true),
        (3, 2, 1, false),
        (2, 1, 0, false),
        (1, 1, 0, true),
    ] {
        assert_eq!(told(&of(n, k), f).is_ok(), sound, "{n} {k} {f}");
    }
    let arithmetic = told(&of(7, 4), 2).expect_err("split");
    assert!(arithmetic.starts_with("2·4 − 7 = 1 is not above 2"), "{arithmetic}");
    assert!(arithmetic.ends_with("at least 5 of the 7 must cosign"), "{arithmetic}");
    let hopeless = told(&of(2, 2), 2).expect_err("split");
    assert!(hopeless.ends_with("at least 3 witnesses are needed"), "{hopeless}");
    let none = told(&Policy::of_log(log_vkey()), 0).expect_err("split");
    assert!(none.starts_with("2·0 − 0 = 0 is not above 0"), "{none}");
    // Two of three and any of three: the two share one of the first group.
    assert!(told(&example(), 0).is_ok());
    assert!(told(&example(), 1).expect_err("split").starts_with("1 is not above 1"));
}

#[test]
fn policies_made_here_obey_the_same_rules() {
    let witness = |seed| policy::Witness {
        name: format!("w{seed}"),
        key: cosigner(seed).vkey().clone(),
        url: Some("http://127.0.0.1:1/witness".to_owned()),
    };
    let log = || policy::Log { key: log_vkey(), url: None };
    assert!(Policy::new(log(), vec![witness(1), witness(2)], Some(2)).is_ok());
    assert!(Policy::new(log(), vec![witness(1), witness(1)], Some(1)).is_err());
    assert!(Policy::new(log(), vec![witness(1)], Some(2)).is_err());
    assert!(Policy::new(log(), vec![witness(1)], Some(0)).is_err());
    assert!(Policy::new(log(), Vec::new(), None).is_ok());
    assert_eq!(cosigners().len(), 3);
}

proptest! {
    /// The least overlap that the arithmetic tells is that of all pairs of quorums, counted.
    #[test]
    fn the_arithmetic_is_that_of_counting(
        sizes in prop::collection::vec((1..4_usize, 1..4_usize), 1..4),
        outer in 1..4_usize,
    ) {
        let total: usize = sizes.iter().map(|(n, _)| n).sum();
        let mut text = witnesses(u8::try_from(total).expect("small"));
        let (mut next, mut groups) = (1, Vec::new());
        for (place, (n, k)) in sizes.iter().enumerate() {
            let members: Vec<String> = (next..next + n).map(|seed| format!("X{seed}")).collect();
            text.push_str(&format!("group g{place} {} {}\n", k.min(n), members.join(" ")));
            groups.push(format!("g{place}"));
            next += n;
        }
        let k = outer.min(groups.len());
        text.push_str(&format!("group all {k} {}\nquorum all\n", groups.join(" ")));
        let policy = parse(&text).expect("a policy");
        let chosen = |set: usize| usize::try_from(set.count_ones()).expect("small");
        let enough = |set: &usize| policy.quorum().is_met(&|w| set & (1 << w) != 0);
        let quorums: Vec<usize> = (0..1_usize << total).filter(enough).collect();
        let counted = quorums
            .iter()
            .flat_map(|one| quorums.iter().map(move |other| chosen(one & other)))
            .min();
        prop_assert_eq!(Some(policy.quorum().shared()), counted);
    }

    #[test]
    fn the_smallest_quorum_is_the_smallest(n in 0..40_usize, f in 0..40_usize) {
        let least = (0..=n).find(|k| 2 * k > n + f);
        prop_assert_eq!(smallest_quorum(n, f), least);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let _ = Policy::parse(&bytes);
    }
}
