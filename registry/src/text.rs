//! Texts that people, files and other nodes write: one measure for everything that comes in. A text
//! is one line in NFC with something to see in it; it has no control characters and none that turn
//! the direction of writing, and where a name or a code is meant none that cannot be seen. How long
//! it may be is told by its [`Kind`].
//!
//! Edges where people write (forms, the API, files, the command line) [`Kind::read`] a text, which
//! brings it into its form; between programs it has that form already or is refused
//! ([`Kind::check`]). What shows old or foreign texts on a terminal passes them through [`shown`].

mod assigned;

use std::{borrow::Cow, fmt::Write as _};

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::refusal::Refusal;

/// Longest code: what programs match and addresses contain.
pub const CODE_CHARS_MAX: usize = 64;
/// Longest label of a key or a token: one line of a list.
pub const LABEL_CHARS_MAX: usize = 60;
/// Longest name: two lines of a page. The longest name of an authority is below 80 characters.
pub const NAME_CHARS_MAX: usize = 160;
/// Longest number of a document, contact or version.
pub const REFERENCE_CHARS_MAX: usize = 200;
/// Longest sentence that stands for something in a list.
pub const SENTENCE_CHARS_MAX: usize = 300;
/// Longest reason or purpose: a paragraph.
pub const NOTE_CHARS_MAX: usize = 500;
/// Longest description: an entry with six of them in two languages stays below its limit.
pub const DESCRIPTION_CHARS_MAX: usize = 2000;
/// Longest value of a cell or of a call's field: names, codes and dates are far shorter.
pub const VALUE_CHARS_MAX: usize = 512;

/// What a text is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What programs match: `a-z`, digits, `-` and `_`, a letter first.
    Code,
    /// What somebody calls a key or a token.
    Label,
    /// What something or somebody is called.
    Name,
    /// A number of a document, a contact, a version.
    Reference,
    /// One sentence, for lists.
    Sentence,
    /// A reason or a purpose, in a paragraph.
    Note,
    /// A few paragraphs, kept as one line.
    Description,
    /// A value to be looked up or compared: the cell of a file, the field of a call.
    Value,
}

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextRefusal {
    /// Nothing in it can be seen.
    #[error("is empty")]
    Empty,
    /// Too long for its kind.
    #[error("has {chars} characters, at most {max} are taken")]
    TooLong {
        /// How many it has.
        chars: usize,
        /// How many its kind may have.
        max: usize,
    },
    /// A code of other characters.
    #[error("must be 1 to 64 of a–z, 0–9, - and _, a letter first")]
    NotACode,
    /// A control character, a line break among them.
    #[error("contains the control character {}", named(*.0))]
    Control(char),
    /// A character that turns the direction of what is read.
    #[error("contains {}, which turns the direction of writing", named(*.0))]
    Direction(char),
    /// A character nobody sees.
    #[error("contains {}, which cannot be seen", named(*.0))]
    Invisible(char),
    /// A code point without a meaning.
    #[error("contains {}, which is no character", named(*.0))]
    Unassigned(char),
    /// Unicode would compose it differently, or white space surrounds it.
    #[error("is not in its normal form: NFC, no white space around it")]
    Form,
}

impl Refusal for TextRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "text.empty",
            Self::TooLong { .. } => "text.too_long",
            Self::NotACode => "text.not_a_code",
            Self::Control(_) => "text.control",
            Self::Direction(_) => "text.direction",
            Self::Invisible(_) => "text.invisible",
            Self::Unassigned(_) => "text.unassigned",
            Self::Form => "text.form",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Code,
        Self::Label,
        Self::Name,
        Self::Reference,
        Self::Sentence,
        Self::Note,
        Self::Description,
        Self::Value,
    ];

    /// Most characters.
    pub fn chars_max(self) -> usize {
        match self {
            Self::Code => CODE_CHARS_MAX,
            Self::Label => LABEL_CHARS_MAX,
            Self::Name => NAME_CHARS_MAX,
            Self::Reference => REFERENCE_CHARS_MAX,
            Self::Sentence => SENTENCE_CHARS_MAX,
            Self::Note => NOTE_CHARS_MAX,
            Self::Description => DESCRIPTION_CHARS_MAX,
            Self::Value => VALUE_CHARS_MAX,
        }
    }

    /// Brings what somebody wrote into its form, or says why it cannot be taken. Line breaks and
    /// tabs of a paragraph become spaces.
    pub fn read(self, text: &str) -> Result<String, TextRefusal> {
        // A text a hundred times too long is not worth composing.
        if text.len() > self.chars_max().saturating_mul(16) {
            return Err(TextRefusal::TooLong {
                chars: text.chars().count(),
                max: self.chars_max(),
            });
        }
        let lines = if matches!(self, Self::Note | Self::Description) {
            Cow::Owned(one_line(text))
        } else {
            Cow::Borrowed(text)
        };
        let composed = nfc(lines.trim());
        self.check(&composed)?;
        Ok(composed.into_owned())
    }

    /// Whether a text has the form of its kind.
    pub fn check(self, text: &str) -> Result<(), TextRefusal> {
        let is_everyday = everyday(text);
        if !is_everyday {
            plain(text)?;
        }
        if self == Self::Code {
            return if is_code(text) { Ok(()) } else { Err(TextRefusal::NotACode) };
        }
        let chars = text.chars().count();
        if chars > self.chars_max() {
            return Err(TextRefusal::TooLong { chars, max: self.chars_max() });
        }
        if !is_everyday {
            self.check_invisible(text)?;
        }
        if !text.chars().any(is_visible) {
            return Err(TextRefusal::Empty);
        }
        if text.trim().len() == text.len() { Ok(()) } else { Err(TextRefusal::Form) }
    }

    /// The same for a text that may be left out.
    pub fn check_optional(self, text: &str) -> Result<(), TextRefusal> {
        if text.is_empty() { Ok(()) } else { self.check(text) }
    }

    /// The same as [`Kind::read`] for a text that may be left out: blank is empty.
    pub fn read_optional(self, text: &str) -> Result<String, TextRefusal> {
        if text.trim().is_empty() { Ok(String::new()) } else { self.read(text) }
    }

    fn check_invisible(self, text: &str) -> Result<(), TextRefusal> {
        let joins = matches!(self, Self::Sentence | Self::Note | Self::Description);
        let found = text.chars().find(|character| match character {
            // They join the letters of some scripts, and of emoji, in a running text.
            '\u{200c}' | '\u{200d}' => !joins,
            // They choose between forms of a character, as rare characters of names need it.
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => !(joins || self == Self::Value),
            other => is_invisible(*other),
        });
        found.map_or(Ok(()), |character| Err(TextRefusal::Invisible(character)))
    }
}

/// What holds for every text that comes in, whatever it is meant to be and however it is composed:
/// no control characters, none that turn the direction of writing.
pub fn harmless(text: &str) -> Result<(), TextRefusal> {
    if everyday(text) {
        return Ok(());
    }
    for character in text.chars() {
        if is_control(character) {
            return Err(TextRefusal::Control(character));
        }
        if is_direction(character) {
            return Err(TextRefusal::Direction(character));
        }
    }
    Ok(())
}

/// The same in NFC and of nothing but characters: what holds for every text between programs.
pub fn plain(text: &str) -> Result<(), TextRefusal> {
    if everyday(text) {
        return Ok(());
    }
    harmless(text)?;
    if let Some(none) = text.chars().find(|character| !assigned::is_assigned(*character)) {
        return Err(TextRefusal::Unassigned(none));
    }
    let is_composed = ComposingNormalizerBorrowed::new_nfc().is_normalized(text);
    if is_composed { Ok(()) } else { Err(TextRefusal::Form) }
}

/// Whether a text has nothing but what nearly all texts here consist of: printable ASCII,
/// ideographs and the marks of Chinese. Each is a character by itself and none of the forbidden
/// ones, so that one look at each is enough; whatever else there is, is looked up.
fn everyday(text: &str) -> bool {
    if text.is_ascii() {
        // Looking at bytes is what a processor does many at a time.
        return !text.bytes().any(|byte| byte.is_ascii_control());
    }
    text.chars().all(is_everyday)
}

fn is_everyday(character: char) -> bool {
    matches!(
        character,
        ' '..='~' | '\u{3001}' | '\u{3002}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff5e}'
    )
}

/// The same with nothing in it that cannot be seen, but for what joins letters and chooses their
/// form: what holds for every text of another node that people will read.
pub fn legible(text: &str) -> Result<(), TextRefusal> {
    plain(text)?;
    Kind::Description.check_invisible(text)
}

/// What may stand on a terminal: characters that move the cursor, change its colors or turn the
/// direction of writing are written out, as in `\u{1b}`; line breaks and tabs stay.
pub fn shown(text: &str) -> Cow<'_, str> {
    written_out(text, is_active)
}

/// The same with what nobody sees written out too: for whoever looks into why a text is refused.
pub fn exposed(text: &str) -> Cow<'_, str> {
    written_out(text, |character| is_active(character) || is_invisible(character))
}

fn written_out(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_meant) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_meant(character) {
            // Writing to a text cannot fail.
            let _ = write!(harmless, "\\u{{{:x}}}", u32::from(character));
        } else {
            harmless.push(character);
        }
    }
    Cow::Owned(harmless)
}

/// The same for JSON, written out as JSON does: such characters occur in its texts only.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_active) {
        return Cow::Borrowed(json);
    }
    let mut harmless = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_active(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(character);
        }
    }
    Cow::Owned(harmless)
}

/// A text in NFC.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        ComposingNormalizerBorrowed::new_nfc().normalize(text)
    }
}

fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(['\r', '\n', '\t', '\u{2028}', '\u{2029}'], " ")
}

fn is_code(text: &str) -> bool {
    text.len() <= CODE_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// Control characters, and what acts as one: the line and paragraph separators, the marks of
/// annotations and tags, and code points that are no characters.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
        || u32::from(character) & 0xfffe == 0xfffe
}

/// What does something to a terminal other than going on to the next place.
fn is_active(character: char) -> bool {
    !matches!(character, '\n' | '\t') && (is_control(character) || is_direction(character))
}

/// Marks, embeddings, overrides and isolates (UAX #9).
fn is_direction(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Characters that Unicode says to show as nothing (`Default_Ignorable_Code_Point`), as far as they
/// are not in the two groups above.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0080}'..='\u{e0fff}'
    )
}

/// The blank of Braille takes up room and shows nothing.
fn is_visible(character: char) -> bool {
    !character.is_whitespace() && !is_invisible(character) && character != '\u{2800}'
}

fn named(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests;
