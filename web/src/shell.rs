//! Commands that pages show to be pasted into a shell: every word of foreign or changing text goes
//! through [`quote`], so that it stays one word whatever it contains.

/// A text as one word of a POSIX shell. Plain words stay as they are.
pub fn quote(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in [
            "http://127.0.0.1:8800/call/330212-P-2026-0000001-X/verify",
            "",
            "-rf",
            "a b",
            "it's",
            "'; touch /tmp/x; '",
            "$(id) `id` ${HOME} \\ \" ! * ? ~ # & | < > ( ) ;",
            "鄞州\nb",
            "''''",
        ] {
            let command = format!("printf %s {}", quote(text));
            let said = Command::new("sh").args(["-c", &command]).output().expect("a shell");
            assert_eq!(String::from_utf8(said.stdout).expect("text"), text);
        }
        assert_eq!(quote("a.b-c/d"), "a.b-c/d");
    }
}
