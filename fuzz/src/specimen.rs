//! True samples, made here: a small log with its keys, its checkpoints and all that goes with them.

use lianshi_registry::{
    certificate,
    checkpoint::{Checkpoint, vkey},
    cosignature::Cosigner,
    entry::{Entry, Fact, MemberChange, Organization, OrganizationKind, Texts},
    fork::Fork,
    id::{DivisionCode, NodeName, Origin},
    json::encode_entry,
    key::KeyPair,
    merkle::{Hash, inclusion_proof, leaf_hash, prefix_proof, root_of},
    note::{Note, VerifierKey},
    policy::{self, Policy},
    seal::Sealed,
    sync::{DIGEST_BYTES, Digest},
    tile::{Coordinate, Level, encode_bundle, encode_hashes},
    time::Timestamp,
    uscc,
    wire::{Answer, Receipt, Request},
    witness::Submission,
};

/// When the witness cosigned.
pub const COSIGNED_AT: u64 = 1_795_000_000;
/// What the sealed letter says.
pub const PAYLOAD: &[u8] = b"{\"process\":\"p-1\",\"number\":1}";
/// Entries of the log.
const SIZE: u64 = 5;

pub fn origin() -> Origin {
    Origin::parse("ningbo.example/yinzhou/1").expect("an origin")
}

pub fn division() -> DivisionCode {
    DivisionCode::parse("330212").expect("a division")
}

pub fn log_key() -> KeyPair {
    KeyPair::from_seed([11; 32])
}

pub fn log_vkey() -> VerifierKey {
    vkey(&origin(), log_key().public())
}

pub fn cosigner() -> Cosigner {
    Cosigner::new("ningbo.example/haishu/witness", KeyPair::from_seed([12; 32])).expect("a name")
}

pub fn policy() -> Policy {
    let witness = cosigner().vkey().clone();
    let witness = policy::Witness { name: witness.name().to_owned(), key: witness, url: None };
    let log = policy::Log { key: log_vkey(), url: None };
    Policy::new(log, vec![witness], Some(1)).expect("a policy")
}

fn organization(number: u64) -> Entry {
    Entry {
        at: Timestamp::from_millis(1_795_000_000_000),
        by: "yinzhou".to_owned(),
        fact: Fact::OrganizationListed(Organization {
            uscc: uscc::complete(&format!("91330212{number:09}")).expect("digits"),
            name: Texts { zh: "示例单位".to_owned(), en: "Example unit".to_owned() },
            kind: OrganizationKind::Provider,
            division: division(),
        }),
    }
}

/// The entries of the log.
pub fn entries() -> Vec<Vec<u8>> {
    let mut entries: Vec<Entry> = (1..SIZE).map(organization).collect();
    let node = NodeName::parse("haishu").expect("a name");
    let change = MemberChange { node, from_index: 4, reason: "示例".to_owned() };
    entries.push(Entry { fact: Fact::MemberSuspended(change), ..organization(0) });
    entries.iter().map(|entry| encode_entry(entry).expect("inside the profile")).collect()
}

fn leaves() -> Vec<Hash> {
    entries().iter().map(|entry| leaf_hash(entry)).collect()
}

/// A log of the first leaves, with another one at the end where it is forked.
fn checkpoint_of(size: usize, forked: bool) -> Checkpoint {
    let mut leaves = leaves()[..size].to_vec();
    if forked {
        *leaves.last_mut().expect("not empty") = leaf_hash(b"another history");
    }
    let size = u64::try_from(size).expect("small");
    Checkpoint { origin: origin(), size, root: root_of(&leaves) }
}

/// The newest checkpoint.
pub fn checkpoint() -> Checkpoint {
    checkpoint_of(leaves().len(), false)
}

/// Whether the log's key signed a checkpoint here.
pub fn is_signed(checkpoint: &Checkpoint) -> bool {
    (1..=leaves().len()).any(|size| {
        *checkpoint == checkpoint_of(size, false) || *checkpoint == checkpoint_of(size, true)
    })
}

pub fn signed_checkpoint() -> String {
    checkpoint().sign(&log_key())
}

pub fn cosigned_checkpoint() -> Vec<u8> {
    let mut note = Note::parse(signed_checkpoint().as_bytes()).expect("own note");
    note.signatures.push(cosigner().cosign(&note.text, COSIGNED_AT).expect("a time"));
    note.encode().into_bytes()
}

fn node_of(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Option<Hash> {
    |level, index| {
        let start = usize::try_from(index << level).ok()?;
        let end = usize::try_from((index + 1) << level).ok()?;
        leaves.get(start..end).map(root_of)
    }
}

pub fn notes() -> Vec<Vec<u8>> {
    vec![signed_checkpoint().into_bytes(), cosigned_checkpoint()]
}

pub fn cosignatures() -> Vec<Vec<u8>> {
    let line = cosigner().cosign(&checkpoint().text(), COSIGNED_AT).expect("a time").line();
    vec![line.into_bytes()]
}

pub fn submissions() -> Vec<Vec<u8>> {
    let first = Submission::new(0, Vec::new(), &signed_checkpoint()).expect("a checkpoint");
    let proof = lianshi_registry::merkle::consistency_proof(3, SIZE, node_of(&leaves()));
    let next = Submission::new(3, proof.expect("inside"), &signed_checkpoint());
    vec![first.encode(), next.expect("a checkpoint").encode()]
}

pub fn policies() -> Vec<Vec<u8>> {
    let nested = format!(
        "# two of three\nlog {} https://yinzhou.example/log\nwitness a {} https://a.example\n\
         witness b {}\ngroup some any a b\nquorum some\n",
        log_vkey(),
        cosigner().vkey(),
        Cosigner::new("b", KeyPair::from_seed([13; 32])).expect("a name").vkey(),
    );
    vec![policy().to_string().into_bytes(), nested.into_bytes()]
}

pub fn proofs() -> Vec<Vec<u8>> {
    let hashes = inclusion_proof(2, SIZE, node_of(&leaves())).expect("inside");
    let checkpoint = String::from_utf8(cosigned_checkpoint()).expect("text");
    vec![certificate::file(entries()[2].clone(), (2, hashes), &checkpoint).encode()]
}

pub fn forks() -> Vec<Vec<u8>> {
    let sign = |size, forked| checkpoint_of(size, forked).sign(&log_key());
    let of = (&origin(), log_key().public());
    let proof = prefix_proof(3, SIZE, node_of(&leaves())).expect("inside");
    let one_size = Fork::new(of, (&sign(5, true), &sign(5, false)), &[]);
    let two_sizes = Fork::new(of, (&sign(3, true), &sign(5, false)), &proof);
    let json = |fork: &Fork| serde_json::to_vec(fork).expect("plain");
    vec![json(&one_size), json(&two_sizes)]
}

pub fn bundles() -> Vec<Vec<u8>> {
    vec![encode_bundle(&entries()).expect("short entries")]
}

pub fn paths() -> Vec<Vec<u8>> {
    let path = |level, number, size| Coordinate::at(level, number, size).expect("inside");
    let paths = [path(Level::Entries, 0, SIZE), path(Level::Entries, 1_234_567, 1 << 40)];
    let mut samples: Vec<Vec<u8>> = paths.iter().map(|path| path.to_string().into()).collect();
    samples.push(encode_hashes(&leaves()));
    samples
}

pub fn frames() -> Vec<Vec<u8>> {
    let requests = [
        Request::Heads(Digest::parse(&[7; DIGEST_BYTES]).expect("its length")),
        Request::Announce(signed_checkpoint()),
        Request::Resource { origin: origin(), path: "tile/entries/000.p/5".to_owned() },
        Request::Letter { kind: "market.message".to_owned(), bytes: letters().remove(0) },
        Request::Witness(submissions().remove(0)),
        Request::Correspondence(br#"{"ask":"standings","after":null}"#.to_vec()),
    ];
    let answers = [Answer::Done(bundles().remove(0)), Answer::Refused("no".to_owned())];
    let requests = requests.iter().map(Request::encode);
    requests.chain(answers.iter().map(Answer::encode)).collect()
}

pub fn letters() -> Vec<Vec<u8>> {
    let by = origin().node().clone();
    vec![Sealed::new(by, "market.message", PAYLOAD, &log_key()).to_bytes()]
}

pub fn receipts() -> Vec<Vec<u8>> {
    let refused = Receipt::Refused { code: "a.b".to_owned(), text: "no".to_owned(), again: true };
    vec![Receipt::Taken.to_bytes(), refused.to_bytes()]
}

pub fn publishing_files() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../docs/examples/division-code.toml").to_vec()]
}

pub fn keys() -> Vec<Vec<u8>> {
    let texts = [
        log_vkey().to_string(),
        cosigner().vkey().to_string(),
        log_key().public().to_string(),
        log_key().to_hex(),
    ];
    texts.map(String::into_bytes).to_vec()
}

/// Texts, an address and a code.
pub fn texts() -> Vec<Vec<u8>> {
    let texts = [
        "鄞州区地名档案馆",
        "e\u{301} 名\u{3000}a\u{200d}b\tc\r\n",
        "https://node.ningbo.example:8800",
        "91330200MA2TEQT175",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Bodies of requests.
pub fn bodies() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"code":"330212","on":null,"all":[1,-2.5,true,{"a":"é"}]}"#,
        r#"[{"a":1,"b":"\u00e9"},18446744073709551615]"#,
    ];
    bodies.map(|body| body.as_bytes().to_vec()).to_vec()
}
