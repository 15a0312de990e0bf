//! A node that closes its months one after another until it is killed. It tells each step of a
//! close while it is inside it, and goes on when it hears a line or nobody is there; and each close
//! when it is done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its output is what it tells"
)]

use std::{
    io::{BufRead as _, Write as _},
    path::PathBuf,
};

use lianshi_store::{audit::Actor, close};
use tests::books::{MONTHS, month, open};

fn main() {
    let url = std::env::args().nth(1).expect("a database");
    let folder = PathBuf::from(std::env::args().nth(2).expect("a folder"));
    let tell = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
    };
    let site = open(&url, &folder);
    for text in MONTHS {
        let mut step = |step| {
            tell(format!("inside {text} {step:?}"));
            let mut word = String::new();
            std::io::stdin().lock().read_line(&mut word).expect("a line or the end");
            Ok(())
        };
        let result = close::close_with(&site, &Actor::node(), month(text), &mut step);
        let closed = result.expect("closed").period.closed.expect("closed");
        tell(format!("closed {text} {}", closed.result_hash));
    }
}
