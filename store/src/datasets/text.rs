//! The bytes of a file as text with one form of line: read through to the file, hashed as they are,
//! decoded where the provider says that they are GB18030, and with every line ended by a line feed,
//! as editors count lines whatever ends them.

use std::io;

use encoding_rs::{CoderResult, Decoder, GB18030};
use sha2::{Digest as _, Sha256};

/// How the characters of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// GB18030, and with it GBK and GB2312: what spreadsheets in China save by themselves.
    Gb18030,
}

/// Bytes read from the file at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file as UTF-8 with line feeds. What is no UTF-8 in a file that should be passes as it is.
pub(super) struct Text<R> {
    file: R,
    decoder: Option<Decoder>,
    hasher: Sha256,
    bytes: u64,
    lines: u64,
    raw: Vec<u8>,
    ready: Vec<u8>,
    taken: usize,
    /// The last byte given was a carriage return, given as a line feed.
    after_return: bool,
    ended: bool,
}

impl<R: io::Read> Text<R> {
    pub(super) fn new(file: R, encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Gb18030 => Some(GB18030.new_decoder_without_bom_handling()),
        };
        Self {
            file,
            decoder,
            hasher: Sha256::new(),
            bytes: 0,
            lines: 0,
            raw: vec![0; CHUNK_BYTES],
            ready: Vec::new(),
            taken: 0,
            after_return: false,
            ended: false,
        }
    }

    /// Bytes of the file read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the file, once it was read to its end.
    pub(super) fn hash(self) -> Vec<u8> {
        self.hasher.finalize().to_vec()
    }

    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        while self.ready.is_empty() && !self.ended {
            let count = match self.file.read(&mut self.raw) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let raw = self.raw.get(..count).unwrap_or_default();
            if self.bytes == 0 && (raw.starts_with(b"\xff\xfe") || raw.starts_with(b"\xfe\xff")) {
                let what = "it is UTF-16; save it as CSV in UTF-8";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            self.hasher.update(raw);
            self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or_default());
            self.ended = count == 0;
            match &mut self.decoder {
                None => self.ready.extend_from_slice(raw),
                Some(decoder) => {
                    let decoded = decode(decoder, raw, self.ended);
                    let (text, is_whole) = decoded;
                    self.ready.extend_from_slice(text.as_bytes());
                    if !is_whole {
                        let line = self.lines.saturating_add(1);
                        let what = format!("it is not GB18030 (near line {line})");
                        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                    }
                }
            }
            self.end_lines();
        }
        Ok(())
    }

    /// Makes one line feed of every end of a line, and gives the last line one.
    fn end_lines(&mut self) {
        let mut lines = Vec::with_capacity(self.ready.len() + 1);
        for byte in &self.ready {
            match byte {
                b'\n' if self.after_return => {}
                b'\r' | b'\n' => {
                    lines.push(b'\n');
                    self.lines = self.lines.saturating_add(1);
                }
                other => lines.push(*other),
            }
            self.after_return = *byte == b'\r';
        }
        if self.ended {
            lines.push(b'\n');
        }
        self.ready = lines;
    }
}

fn decode(decoder: &mut Decoder, raw: &[u8], is_last: bool) -> (String, bool) {
    let mut text = String::new();
    let room = decoder.max_utf8_buffer_length(raw.len()).unwrap_or(raw.len().saturating_mul(4));
    text.reserve(room);
    let (result, _, had_errors) = decoder.decode_to_string(raw, &mut text, is_last);
    (text, result == CoderResult::InputEmpty && !had_errors)
}

impl<R: io::Read> io::Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.ready.len() {
            self.fill()?;
        }
        let rest = self.ready.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        let (Some(from), Some(to)) = (rest.get(..count), buffer.get_mut(..count)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.taken += count;
        Ok(count)
    }
}

/// Whether bytes that are no UTF-8 are a text in GB18030.
pub(super) fn is_gb18030(bytes: &[u8]) -> bool {
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    // Latin letters with accents read as rare characters of a private use; a text does not.
    text.is_some_and(|text| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A file that is read a few bytes at a time.
    struct Slow<'s>(&'s [u8], usize);

    impl io::Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.1).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn read(bytes: &[u8], encoding: Encoding) -> io::Result<String> {
        let mut whole = Vec::new();
        Text::new(Slow(bytes, 1), encoding).read_to_end(&mut whole)?;
        let mut again = Vec::new();
        Text::new(bytes, encoding).read_to_end(&mut again)?;
        assert_eq!(whole, again, "however it arrives");
        Ok(String::from_utf8(whole).expect("UTF-8"))
    }

    #[test]
    fn lines_end_with_a_line_feed_whatever_ended_them() {
        for (file, lines) in [
            ("", "\n"),
            ("a", "a\n"),
            ("a\r\nb\r\n", "a\nb\n\n"),
            ("a\rb\r\rc", "a\nb\n\nc\n"),
            ("a\n\r\nb\n\rc", "a\n\nb\n\nc\n"),
        ] {
            assert_eq!(read(file.as_bytes(), Encoding::Utf8).expect("read"), lines, "{file:?}");
        }
    }

    #[test]
    fn gb18030_is_decoded_and_anything_else_named() {
        let (bytes, _, _) = GB18030.encode("名称,代码\r\n鄞州区,330212\r\n㐂𠀀,€\n");
        let text = read(&bytes, Encoding::Gb18030).expect("decoded");
        assert_eq!(text, "名称,代码\n鄞州区,330212\n㐂𠀀,€\n\n");
        let error = read(b"a\nb\n\xff\xff", Encoding::Gb18030).expect_err("none");
        assert!(error.to_string().contains("not GB18030"), "{error}");
        let cut = &bytes[..1];
        assert!(read(cut, Encoding::Gb18030).is_err(), "half a character at the end");
        assert!(is_gb18030(&bytes) && !is_gb18030(b"\xff\xfe") && !is_gb18030(b"caf\xe9"));
        let error = read(b"\xff\xfea\0", Encoding::Utf8).expect_err("UTF-16");
        assert!(error.to_string().contains("UTF-16"), "{error}");
    }
}
