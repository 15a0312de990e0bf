//! Kinds of tampering with a log's files, each named. Every one is rejected by `lianshi log
//! verify`; the table says which of them the outside tools must reject as well.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lianshi_registry::{
    checkpoint::Checkpoint,
    id::Origin,
    key::KeyPair,
    merkle::{Hash, leaf_hash},
    note::{Note, Signature},
};

use super::specimen::{Specimen, cosigned, cosigners, entry, log_key, origin};

/// One kind of tampering.
pub struct Tampering {
    pub name: &'static str,
    pub apply: fn(&mut Specimen),
    /// Tessera's fsck looks at the log's signature, every tile and every bundle; not at witnesses,
    /// nor at entries beyond the end.
    pub fsck: bool,
    /// A reader made with torchwood looks at policy, signatures, bundles and the tiles it needs;
    /// its base64 is lenient.
    pub torchwood: bool,
    /// `aics-tlog verify-checkpoint` looks at the checkpoint and the right edge of the tree.
    pub aics: bool,
}

impl Tampering {
    fn unseen() -> Self {
        Self { name: "", apply: |_| {}, fsck: false, torchwood: false, aics: false }
    }
}

/// Entries of the log that is tampered with: two levels above the leaves, each with a partial tile.
pub const SIZE: u64 = 65_800;

macro_rules! tamperings {
    ($($name:literal [$($tool:ident)*] $apply:expr;)*) => {
        vec![$({
            #[allow(unused_mut, reason = "some are seen by no outside tool")]
            let mut tampering = Tampering { name: $name, apply: $apply, ..Tampering::unseen() };
            $(tampering.$tool = true;)*
            tampering
        }),*]
    };
}

pub fn all() -> Vec<Tampering> {
    let mut all = with_bundles();
    all.extend(with_tiles());
    all.extend(with_checkpoints());
    all.extend(with_cosignatures());
    all
}

fn with_bundles() -> Vec<Tampering> {
    tamperings! {
        "a byte of an entry is changed" [fsck torchwood] |log| log.file("tile/entries/003")[9] ^= 1;
        "two entries change places" [fsck torchwood] |log| {
            let mut entries: Vec<Vec<u8>> = (256..512).map(entry).collect();
            entries.swap(3, 4);
            log.put("tile/entries/001", bundle(&entries));
        };
        "an entry is taken out of a bundle" [fsck torchwood] |log| {
            let entries: Vec<Vec<u8>> = (256..511).map(entry).collect();
            log.put("tile/entries/001", bundle(&entries));
        };
        "an entry is added to the last bundle" [torchwood] |log| {
            let entries: Vec<Vec<u8>> = (65_792..=SIZE).map(entry).collect();
            log.put("tile/entries/257.p/8", bundle(&entries));
        };
        "a bundle is cut off" [fsck torchwood] |log| log.file("tile/entries/002").truncate(100);
        "an entry claims another length" [fsck torchwood] |log| log.file("tile/entries/002")[1] += 1;
        "a bundle is missing" [fsck torchwood] |log| drop(log.files.remove("tile/entries/100"));
        "a bundle stands in the place of another" [fsck torchwood] |log| {
            let other = log.files["tile/entries/004"].clone();
            log.put("tile/entries/005", other);
        };
    }
}

fn with_tiles() -> Vec<Tampering> {
    tamperings! {
        "a leaf hash is changed" [fsck torchwood] |log| log.file("tile/0/007")[33] ^= 0x80;
        "a tile of leaf hashes is cut off" [fsck torchwood] |log| log.file("tile/0/007").truncate(8_160);
        "a partial tile has a hash too many" [] |log| {
            log.file("tile/0/257.p/8").extend([7; 32]);
        };
        "a tile of leaf hashes is missing" [fsck torchwood] |log| drop(log.files.remove("tile/0/009"));
        "two hashes of level 1 change places" [fsck torchwood] |log| {
            let tile = log.file("tile/1/000");
            let (first, second) = tile.split_at_mut(32);
            first.swap_with_slice(&mut second[..32]);
        };
        "the partial tile of level 1 is changed" [fsck torchwood aics] |log| {
            log.file("tile/1/001.p/1")[0] ^= 1;
        };
        "the tile of level 2 is missing" [fsck torchwood aics] |log| drop(log.files.remove("tile/2/000.p/1"));
        "history is written anew, tiles and all" [fsck torchwood aics] |log| {
            let mut entries: Vec<Vec<u8>> = (0..SIZE).map(entry).collect();
            entries[40_000] = b"never happened".to_vec();
            log.lay(&entries);
        };
        "a bundle lies beyond the end" [] |log| {
            let later = bundle(&[entry(SIZE)]);
            log.put("tile/entries/258.p/1", later);
        };
        "a tile kept from an earlier size is changed" [] |log| {
            let mut earlier = log.files["tile/0/257.p/8"][..96].to_vec();
            earlier[0] ^= 1;
            log.put("tile/0/257.p/3", earlier);
        };
    }
}

fn with_checkpoints() -> Vec<Tampering> {
    tamperings! {
        "the checkpoint is missing" [fsck torchwood aics] |log| drop(log.files.remove("checkpoint"));
        "the checkpoint tells a smaller size" [fsck torchwood aics] |log| {
            let note = log.checkpoint().replace("\n65800\n", "\n65799\n");
            log.put("checkpoint", note);
        };
        "the checkpoint tells another root" [fsck torchwood aics] |log| {
            let note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            let text = Checkpoint { origin: origin(), size: SIZE, root: leaf_hash(b"x") }.text();
            log.put("checkpoint", Note { text, ..note }.encode());
        };
        "the log signs a root its files do not have" [fsck torchwood aics] |log| {
            let root = leaf_hash(b"x");
            log.put("checkpoint", cosigned(&Checkpoint { origin: origin(), size: SIZE, root }));
        };
        "another key signs under the log's name" [fsck torchwood aics] |log| {
            log.put("checkpoint", resigned(log, &origin(), &KeyPair::from_seed([12; 32])));
        };
        "the checkpoint of another log is served" [fsck torchwood aics] |log| {
            let other = Origin::parse("ningbo.example/haishu/1").expect("an origin");
            log.put("checkpoint", resigned(log, &other, &log_key()));
        };
        "the log's signature is changed" [fsck torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures[0].bytes[20] ^= 1;
            log.put("checkpoint", note.encode());
        };
        "the log's signature is taken away" [fsck torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures.remove(0);
            log.put("checkpoint", note.encode());
        };
        "the size has a leading zero and is signed so" [torchwood aics] |log| {
            let text = log.checkpoint().replace("\n65800\n", "\n065800\n");
            let text = Note::parse(text.as_bytes()).expect("a note").text;
            let mut note = Note::sign(text, &origin().to_string(), &log_key()).expect("plain");
            let added = |c: lianshi_registry::cosignature::Cosigner| c.cosign(&note.text, 9);
            let more: Vec<Signature> = cosigners().into_iter().filter_map(added).collect();
            note.signatures.extend(more);
            log.put("checkpoint", note.encode());
        };
        "a signature is in base64 that is not canonical" [aics] |log| {
            let note = log.checkpoint();
            let line = note.lines().nth(4).expect("the log's line").to_owned();
            log.put("checkpoint", note.replace(&line, &another_spelling(&line)));
        };
    }
}

fn with_cosignatures() -> Vec<Tampering> {
    tamperings! {
        "a witness's cosignature is changed" [torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures[1].bytes[30] ^= 1;
            log.put("checkpoint", note.encode());
        };
        "a cosignature tells another time" [torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures[1].bytes[7] ^= 1;
            log.put("checkpoint", note.encode());
        };
        "too few witnesses cosigned" [torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures.truncate(2);
            log.put("checkpoint", note.encode());
        };
        "one witness's cosignature stands there twice" [torchwood aics] |log| {
            let mut note = Note::parse(log.checkpoint().as_bytes()).expect("a note");
            note.signatures.truncate(2);
            let again = note.signatures[1].clone();
            note.signatures.push(again);
            log.put("checkpoint", note.encode());
        };
    }
}

/// The bytes of a bundle, written here a second time so that the crate's own writer is not asked.
fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let framed = |entry: &Vec<u8>| {
        let length = u16::try_from(entry.len()).expect("short");
        [length.to_be_bytes().as_slice(), entry].concat()
    };
    entries.iter().flat_map(framed).collect()
}

/// The log's size and root under another origin or key.
fn resigned(log: &Specimen, origin: &Origin, key: &KeyPair) -> String {
    let text = Note::parse(log.checkpoint().as_bytes()).expect("a note").text;
    let root = Hash::from_base64(text.lines().nth(2).expect("a root")).expect("a hash");
    Checkpoint { origin: origin.clone(), size: log.size, root }.sign(key)
}

/// The same bytes in base64 whose last bits are not zero, as lenient decoders accept them.
fn another_spelling(line: &str) -> String {
    let (head, encoded) = line.rsplit_once(' ').expect("a signature line");
    let mut letters: Vec<char> = encoded.chars().collect();
    let last = letters.iter().rposition(|letter| *letter != '=').expect("letters");
    assert!(last + 1 < letters.len(), "a payload of 68 bytes ends in padding");
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let value = alphabet.iter().position(|letter| *letter == letters[last]).expect("base64");
    letters[last] = alphabet[value + 1];
    let spelled: String = letters.into_iter().collect();
    assert!(BASE64_STANDARD.decode(&spelled).is_err());
    format!("{head} {spelled}")
}
