//! A node that appends, signs, is replicated and cosigned, as fast as it can, until it is killed.
//! What it acknowledges it prints, one line each, after it is done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its output is what it tells"
)]

use std::{io::Write as _, path::PathBuf};

use lianshi_store::log;
use tests::crash::open;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    let tell = |line: String| {
        let mut out = std::io::stdout().lock();
        // Nobody listens any more: the end of the rehearsal.
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    };
    let pair = open(&folder);
    let mut cosigned = std::env::args().nth(2).map_or(0, |size| size.parse().expect("a size"));
    for round in 0_u64.. {
        let size = pair.append(1 + round * 7 % 40);
        tell(format!("appended {size}"));
        let signed = log::publish_head(&pair.writer).expect("signed").checkpoint;
        tell(format!("signed {} {}", signed.size, signed.root));
        let head = pair.adopt().expect("adopted");
        tell(format!("adopted {} {}", head.size(), head.root()));
        if pair.cosign(cosigned, &head) == 200 {
            cosigned = head.size();
            tell(format!("cosigned {} {}", head.size(), head.root()));
        }
    }
}
