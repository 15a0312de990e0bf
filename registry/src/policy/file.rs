//! Reading a policy file, line by line. Words are octets, as the specification says: what a name
//! means never depends on an encoding.

use std::collections::BTreeMap;

use super::{
    DEFINITIONS_MAX, LineError, Log, POLICY_BYTES_MAX, Policy, PolicyRefusal, Quorum, Witness,
};
use crate::note::{Algorithm, NoteKeyError, VerifierKey};

/// The name that asks for no witness.
const NONE: &[u8] = b"none";

impl Policy {
    /// Parses a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyRefusal> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyRefusal::TooLarge(bytes.len()));
        }
        let mut reader = Reader::default();
        for (place, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let read = plain(line).and_then(|line| reader.read(line));
            read.map_err(|error| PolicyRefusal::Line { line: place + 1, error })?;
        }
        let quorum = reader.quorum.ok_or(PolicyRefusal::NoQuorum)?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, quorum })
    }
}

/// A line without its line feed, which it must have.
fn plain(line: &[u8]) -> Result<&[u8], LineError> {
    let line = line.strip_suffix(b"\n").ok_or(LineError::NotText)?;
    let control = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
    if line.iter().any(control) { Err(LineError::NotText) } else { Ok(line) }
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

fn vkey(word: &[u8]) -> Result<VerifierKey, LineError> {
    let text = std::str::from_utf8(word).map_err(|_| LineError::Key(NoteKeyError::Malformed))?;
    VerifierKey::parse(text).map_err(LineError::Key)
}

/// What the lines so far have defined.
#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    names: BTreeMap<Vec<u8>, Named>,
    quorum: Option<Quorum>,
}

/// What a name stands for, and whether a group has it as a member.
struct Named {
    what: Quorum,
    member: bool,
}

impl Reader {
    fn read(&mut self, line: &[u8]) -> Result<(), LineError> {
        let space = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let words: Vec<&[u8]> = line.split(space).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key, url @ ..] if url.len() <= 1 => self.log(key, url),
            [b"witness", name, key, url @ ..] if url.len() <= 1 => self.witness(name, key, url),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            [b"quorum", name] => self.choose(name),
            [b"log" | b"witness" | b"group" | b"quorum", ..] => Err(LineError::Words),
            _ => Err(LineError::Keyword),
        }
    }

    fn log(&mut self, key: &[u8], url: &[&[u8]]) -> Result<(), LineError> {
        let key = vkey(key)?;
        if self.logs.iter().any(|log| log.key.key() == key.key()) {
            return Err(LineError::KeyTwice);
        }
        self.logs.push(Log { key, url: url.first().map(|url| shown(url)) });
        self.bound()
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: &[&[u8]]) -> Result<(), LineError> {
        let key = vkey(key)?;
        if key.algorithm() != Algorithm::CosignatureV1 {
            return Err(LineError::KeyType);
        }
        if self.witnesses.iter().any(|witness| witness.key.key() == key.key()) {
            return Err(LineError::KeyTwice);
        }
        self.define(name, Quorum::Witness(self.witnesses.len()))?;
        let url = url.first().map(|url| shown(url));
        self.witnesses.push(Witness { name: shown(name), key, url });
        self.bound()
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), LineError> {
        let count = members.len();
        let threshold = match threshold {
            b"any" => 1,
            b"all" => count,
            digits => {
                let number = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'));
                let number = number.and_then(|text| text.parse().ok());
                let number = number.filter(|k| (1..=count).contains(k));
                number.ok_or(LineError::Threshold(count))?
            }
        };
        let members: Result<Vec<Quorum>, LineError> =
            members.iter().map(|member| self.take(member)).collect();
        self.define(name, Quorum::Group { threshold, members: members? })?;
        self.bound()
    }

    fn choose(&mut self, name: &[u8]) -> Result<(), LineError> {
        if self.quorum.is_some() {
            return Err(LineError::QuorumTwice);
        }
        let chosen = match self.names.get(name) {
            _ if name == NONE => Quorum::None,
            Some(named) => named.what.clone(),
            None => return Err(LineError::UnknownName(shown(name))),
        };
        self.quorum = Some(chosen);
        Ok(())
    }

    fn define(&mut self, name: &[u8], what: Quorum) -> Result<(), LineError> {
        if name == NONE || self.names.contains_key(name) {
            return Err(LineError::NameTaken(shown(name)));
        }
        self.names.insert(name.to_vec(), Named { what, member: false });
        Ok(())
    }

    /// What a member of a group stands for. A name is a member once, so that no witness counts
    /// twice.
    fn take(&mut self, name: &[u8]) -> Result<Quorum, LineError> {
        let named = self.names.get_mut(name);
        let named = named.ok_or_else(|| LineError::UnknownName(shown(name)))?;
        if named.member {
            return Err(LineError::MemberTwice(shown(name)));
        }
        named.member = true;
        Ok(named.what.clone())
    }

    fn bound(&self) -> Result<(), LineError> {
        let defined = self.logs.len() + self.names.len();
        if defined > DEFINITIONS_MAX { Err(LineError::TooMany) } else { Ok(()) }
    }
}
