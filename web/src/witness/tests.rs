//! The witness as a submitter and a monitor see it over HTTP.

use std::{path::Path, sync::Arc};

use actix_web::{App, test};
use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    member::Root,
    merkle::{Hash, consistency_proof, leaf_hash, root_of},
    note::Note,
    time::Timestamp,
    witness::{Submission, read_cosignatures},
};
use lianshi_store::{Db, log, members};
use sha2::{Digest as _, Sha256};

use super::*;

fn origin() -> Origin {
    Origin::parse("ningbo.example/ningbo/1").expect("an origin")
}

fn log_key() -> KeyPair {
    KeyPair::from_seed([9; 32])
}

/// A district whose charter names the city's log.
fn state(folder: &Path) -> WebState {
    let site = Site {
        db: Db::open_file(&folder.join("node.sqlite")).expect("a fresh database"),
        node: NodeName::parse("yinzhou").expect("a name"),
        name: Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() },
        division: DivisionCode::parse("330212").expect("a code"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("an origin"),
        public_url: String::new(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: || Timestamp::from_millis(1_795_000_000_000),
        nudge: Arc::new(|| {}),
    };
    let key = |seed| KeyPair::from_seed([seed; 32]).public();
    let root = Root {
        origin: origin(),
        division: DivisionCode::parse("330200").expect("a code"),
        log_key: log_key().public(),
        identity_key: key(11),
        witness_key: key(12),
        seal_key: key(13),
        former: Vec::new(),
        retired: Vec::new(),
    };
    members::set_roots(&site.db, &[root]).expect("stored");
    site.db.write(|write| log::create_own(write, &site)).expect("begun");
    WebState::new(site)
}

fn submission(old: u64, new: u64, log: &Origin) -> Submission {
    let leaves: Vec<Hash> = (0..new).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let source = |level: u8, index: u64| {
        let start = usize::try_from(index << level).ok()?;
        let end = usize::try_from((index + 1) << level).ok()?;
        leaves.get(start..end).map(root_of)
    };
    let proof = consistency_proof(old, new, source).expect("inside");
    let signed = Checkpoint { origin: log.clone(), size: new, root: root_of(&leaves) };
    Submission::new(old, proof, &signed.sign(&log_key())).expect("sound")
}

/// Status, content type and body.
async fn ask(state: &WebState, request: test::TestRequest) -> (u16, String, Vec<u8>) {
    let state = state.clone();
    let app = test::init_service(App::new().configure(|cfg| configure(cfg, state))).await;
    let response = test::call_service(&app, request.to_request()).await;
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("ASCII"));
    let kind = kind.unwrap_or_default().to_owned();
    (response.status().as_u16(), kind, test::read_body(response).await.to_vec())
}

async fn submit(state: &WebState, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let request = test::TestRequest::post().uri("/witness/add-checkpoint").set_payload(body);
    ask(state, request).await
}

#[actix_web::test]
async fn a_checkpoint_is_cosigned_and_shown_to_monitors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path());
    let hash = hex::encode(Sha256::digest(origin().to_string().as_bytes()));
    let path = format!("/witness/{hash}/checkpoint");
    assert_eq!(ask(&state, test::TestRequest::get().uri(&path)).await.0, 404);

    let submitted = submission(0, 7, &origin());
    let (status, kind, body) = submit(&state, submitted.encode()).await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    let key = state.site.cosigner().vkey().clone();
    assert_eq!(key.name(), "ningbo.example/yinzhou/witness");
    let read = read_cosignatures(&body, &submitted.note().text, std::slice::from_ref(&key));
    let line = read.expect("its cosignature").remove(0);

    let (status, _, body) = ask(&state, test::TestRequest::get().uri(&path)).await;
    assert_eq!(status, 200);
    let shown = Note::parse(&body).expect("a note");
    assert_eq!(shown.text, submitted.note().text);
    assert_eq!(shown.signatures, [submitted.note().signatures[0].clone(), line]);
}

#[actix_web::test]
async fn one_address_submits_no_more_than_its_share_and_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path());
    let ask_from = async |address: &str| {
        let body = submission(0, 7, &Origin::parse("ningbo.example/haishu/1").expect("an origin"));
        let request = test::TestRequest::post().uri("/witness/add-checkpoint");
        let peer = format!("{address}:5000").parse().expect("an address");
        ask(&state, request.peer_addr(peer).set_payload(body.encode())).await.0
    };
    let mut refused = 0;
    for _ in 0..200 {
        refused += usize::from(ask_from("192.0.2.1").await == 429);
    }
    assert!((100..=150).contains(&refused), "{refused} of 200");
    assert_eq!(ask_from("192.0.2.2").await, 404, "another address is heard");
}

#[actix_web::test]
async fn each_refusal_has_the_status_of_the_specification() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path());
    assert_eq!(submit(&state, submission(0, 7, &origin()).encode()).await.0, 200);

    let (status, kind, body) = submit(&state, submission(3, 9, &origin()).encode()).await;
    assert_eq!((status, kind.as_str(), body.as_slice()), (409, "text/x.tlog.size", &b"7\n"[..]));
    assert_eq!(submit(&state, b"old 7\nnonsense".to_vec()).await.0, 400);
    let stranger = Origin::parse("ningbo.example/haishu/1").expect("an origin");
    assert_eq!(submit(&state, submission(0, 7, &stranger).encode()).await.0, 404);
    let own = state.site.origin.clone();
    assert_eq!(submit(&state, submission(0, 7, &own).encode()).await.0, 404, "never its own");
    let forged = String::from_utf8(submission(7, 9, &origin()).encode()).expect("UTF-8");
    let forged = forged.replace("\n9\n", "\n8\n").into_bytes();
    assert_eq!(submit(&state, forged).await.0, 403);
    let signed = Checkpoint { origin: origin(), size: 7, root: leaf_hash(b"other") };
    let fork = Submission::new(7, Vec::new(), &signed.sign(&log_key())).expect("well formed");
    assert_eq!(submit(&state, fork.encode()).await.0, 409);
    assert_eq!(submit(&state, vec![b'o'; SUBMISSION_BYTES_MAX + 1]).await.0, 413);
    let other = test::TestRequest::get().uri("/witness/add-checkpoint");
    assert_eq!(ask(&state, other).await.0, 405);
    let after = submit(&state, submission(7, 9, &origin()).encode()).await;
    assert_eq!(after.0, 422, "a forked log is over");
}
