//! tlog-proof v1, and certificates, which are such proofs with their entry inside.

use lianshi_registry::{
    certificate::{self, CertificateRefusal, Window},
    checkpoint::Checkpoint,
    entry::{
        Entry, Fact, Grade, Guard, Organization, OrganizationKind, Product, ProductForm, Purpose,
        Texts, UpdateCycle,
    },
    id::{DivisionCode, NumberKind, RegistrationNumber},
    inclusion::{InclusionFile, InclusionFileError, PROOF_BYTES_MAX},
    json,
    merkle::{Hash, MerkleError, inclusion_proof, leaf_hash, root_of},
    note::Note,
    policy::{Policy, PolicyRefusal},
    time::{Date, Timestamp},
    uscc,
};
use proptest::prelude::*;

use crate::specimen::{COSIGNED_AT, Specimen, cosigned, log_vkey, origin, policy};

fn texts(zh: &str) -> Texts {
    Texts { zh: zh.to_owned(), en: "A product".to_owned() }
}

fn product() -> Product {
    let division = DivisionCode::parse("330212").expect("a code");
    let number = |kind| RegistrationNumber::new(&division, kind, 2026, 1).expect("fits");
    Product {
        number: number(NumberKind::Product),
        name: texts("企业用电指数"),
        summary: texts("摘要"),
        description: texts("说明"),
        form: ProductForm::Index,
        version: "1.0".to_owned(),
        sector: "energy".to_owned(),
        field: "economy".to_owned(),
        operator: uscc::complete("91330212MA2DEM001").expect("fits"),
        authorization: number(NumberKind::Authorization),
        resources: vec![number(NumberKind::Resource)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("无"),
        update_cycle: UpdateCycle::Monthly,
        coverage: texts("全区"),
        technique: "aggregation".to_owned(),
        operations: Vec::new(),
        guard: Guard { smallest_cell: 5, distinct_subjects_max: 0 },
        security_assessment: "S-1".to_owned(),
        export_review: "X-1".to_owned(),
        service_level: texts("工作日"),
        contact: "a@b.example".to_owned(),
        valid_until: Date::parse("2028-01-01").expect("a date"),
        synthetic: true,
    }
}

fn entry_of(fact: Fact) -> Vec<u8> {
    let at = Timestamp::parse("2026-11-21T03:00:00Z").expect("a time");
    json::encode_entry(&Entry { at, by: "yinzhou".to_owned(), fact }).expect("inside the profile")
}

/// A log of 700 entries with this one among them, and the proof that it is.
fn file_of(entry: Vec<u8>) -> InclusionFile {
    let index = 419;
    let mut entries: Vec<Vec<u8>> = (0..700).map(crate::specimen::entry).collect();
    entries[419].clone_from(&entry);
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let source = |level: u8, number: u64| {
        let start = usize::try_from(number << level).ok()?;
        let end = usize::try_from((number + 1) << level).ok()?;
        leaves.get(start..end).map(root_of)
    };
    let hashes = inclusion_proof(index, 700, source).expect("inside");
    certificate::file(entry, (index, hashes), &Specimen::of(&entries).checkpoint())
}

fn file() -> InclusionFile {
    file_of(entry_of(Fact::ProductRegistered(Box::new(product()))))
}

fn refused(change: impl FnOnce(&mut InclusionFile)) -> CertificateRefusal {
    let mut file = file();
    change(&mut file);
    certificate::prove(&file.encode(), &policy()).expect_err("tampered with")
}

#[test]
fn the_first_line_names_the_format_and_version() {
    let text = String::from_utf8(file().encode()).expect("UTF-8");
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
    for bad in ["c2sp.org/tlog-proof@v2", "C2SP.org/tlog-proof@v1", " c2sp.org/tlog-proof@v1"] {
        let changed = text.replace("c2sp.org/tlog-proof@v1", bad);
        assert_eq!(InclusionFile::parse(changed.as_bytes()), Err(InclusionFileError::Header));
    }
}

#[test]
fn the_extra_line_may_be_left_out() {
    let without = InclusionFile { extra: None, ..file() };
    let text = String::from_utf8(without.encode()).expect("UTF-8");
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 419\n"));
    assert_eq!(InclusionFile::parse(text.as_bytes()), Ok(without));
}

#[test]
fn an_index_is_decimal_without_leading_zeroes() {
    let text = String::from_utf8(file().encode()).expect("UTF-8");
    for bad in ["0419", "+419", "-1", "", "0x1", "18446744073709551616"] {
        let changed = text.replace("index 419", &format!("index {bad}"));
        assert_eq!(InclusionFile::parse(changed.as_bytes()), Err(InclusionFileError::Index));
    }
}

#[test]
fn hashes_are_canonical_base64_from_the_leaf_to_the_root() {
    let text = String::from_utf8(file().encode()).expect("UTF-8");
    let first = file().hashes[0].to_base64();
    for bad in ["AAAA", first.trim_end_matches('='), "!"] {
        let changed = text.replace(&first, bad);
        let refused = InclusionFile::parse(changed.as_bytes());
        assert_eq!(refused, Err(InclusionFileError::Hash(1)), "{bad}");
    }
}

#[test]
fn the_checkpoint_follows_an_empty_line_verbatim() {
    let file = file();
    let parsed = InclusionFile::parse(&file.encode()).expect("own file");
    assert_eq!(parsed.checkpoint, file.checkpoint);
    let whole = file.encode();
    let end = whole.len() - file.checkpoint.len();
    assert_eq!(&whole[end - 2..end], b"\n\n");
    assert_eq!(InclusionFile::parse(&whole[..end - 1]), Err(InclusionFileError::Truncated));
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let long = vec![b'c'; PROOF_BYTES_MAX + 1];
    assert_eq!(InclusionFile::parse(&long), Err(InclusionFileError::TooLarge(long.len())));
}

#[test]
fn a_certificate_is_proved_by_the_policy_alone() {
    let proved = certificate::prove(&file().encode(), &policy()).expect("sound");
    assert_eq!(proved.product, product());
    assert_eq!((proved.index, proved.vouched.body.size), (419, 700));
    assert!(proved.vouched.settled);
    assert_eq!(proved.vouched.witnesses.len(), 3);
    let last = Timestamp::from_millis(1000 * i64::try_from(COSIGNED_AT + 2).expect("small"));
    assert_eq!(proved.witnessed_at(), Some(last));
}

#[test]
fn a_dishonest_minority_does_not_choose_the_time_of_a_certificate() {
    let mut vouched = certificate::prove(&file().encode(), &policy()).expect("sound").vouched;
    let stated = [9, 1 << 62, 5, 7].map(|seconds| ("witness".to_owned(), seconds));
    vouched.witnesses = stated.to_vec();
    // Quorums that share two have at most one that lies.
    for (shared, seconds) in [(0, 1 << 62), (1, 1 << 62), (2, 9), (3, 7), (4, 5), (9, 5)] {
        vouched.shared = shared;
        assert_eq!(vouched.seconds(), Some(seconds), "{shared}");
    }
}

#[test]
fn a_window_has_a_first_day_and_a_first_day_beyond() {
    let proved = certificate::prove(&file().encode(), &policy()).expect("sound");
    let window = |day: &str| proved.window(Date::parse(day).expect("a date"));
    assert_eq!(window("2026-11-20"), Window::NotBegun);
    assert_eq!(window("2026-11-21"), Window::Open);
    assert_eq!(window("2027-12-31"), Window::Open);
    assert_eq!(window("2028-01-01"), Window::Closed);
}

#[test]
fn a_certificate_without_witnesses_tells_no_time_and_is_not_settled() {
    let proved = certificate::prove(&file().encode(), &Policy::of_log(log_vkey()));
    let proved = proved.expect("the log signed");
    assert!(!proved.vouched.settled);
    assert_eq!(proved.witnessed_at(), None);
}

#[test]
fn every_tampered_certificate_is_refused() {
    let inclusion = |refusal| matches!(refusal, CertificateRefusal::Inclusion(_));
    assert!(inclusion(refused(|file| file.extra.as_mut().expect("there")[40] ^= 1)));
    assert!(inclusion(refused(|file| file.index = 418)));
    assert!(inclusion(refused(|file| file.hashes[3] = leaf_hash(b"x"))));
    assert!(inclusion(refused(|file| file.hashes.swap(0, 1))));
    assert!(inclusion(refused(|file| file.hashes.truncate(5))));
    assert!(inclusion(refused(|file| file.hashes.push(leaf_hash(b"x")))));
    assert_eq!(refused(|file| file.extra = None), CertificateRefusal::EntryMissing);
    let outside = MerkleError::OutsideTree { index: 700, size: 700 };
    assert_eq!(refused(|file| file.index = 700), CertificateRefusal::Inclusion(outside));
    let other = Checkpoint { origin: origin(), size: 700, root: leaf_hash(b"x") };
    let swapped = cosigned(&other).into_bytes();
    assert!(inclusion(refused(|file| file.checkpoint = swapped)));
    let policy = |refusal| matches!(refusal, CertificateRefusal::Policy(_));
    assert!(policy(refused(|file| file.checkpoint[30] ^= 1)));
    assert!(policy(refused(|file| file.checkpoint.clear())));
    let missed = refused(|file| {
        let mut note = Note::parse(&file.checkpoint).expect("a note");
        note.signatures.truncate(2);
        file.checkpoint = note.encode().into_bytes();
    });
    let missed = matches!(missed, CertificateRefusal::Policy(PolicyRefusal::QuorumMissed { .. }));
    assert!(missed);
}

#[test]
fn a_proved_entry_that_describes_no_product_is_no_certificate() {
    let organization = Organization {
        uscc: product().operator,
        name: texts("机构"),
        kind: OrganizationKind::Operator,
        division: DivisionCode::parse("330212").expect("a code"),
    };
    let file = file_of(entry_of(Fact::OrganizationListed(organization)));
    let refused = certificate::prove(&file.encode(), &policy());
    assert_eq!(refused, Err(CertificateRefusal::OtherKind("organization.listed")));
    let refused = certificate::prove(&file_of(b"not an entry".to_vec()).encode(), &policy());
    assert!(matches!(refused, Err(CertificateRefusal::Entry(_))));
}

proptest! {
    #[test]
    fn garbage_never_panics_and_what_parses_prints_back(bytes: Vec<u8>, cut in 0..900_usize) {
        let good = InclusionFile { extra: Some(vec![1, 2, 3]), ..file() }.encode();
        let mut spliced = good[..cut.min(good.len())].to_vec();
        spliced.extend(&bytes);
        for candidate in [bytes, spliced] {
            if let Ok(parsed) = InclusionFile::parse(&candidate) {
                prop_assert_eq!(parsed.encode(), candidate);
            }
        }
    }
}
