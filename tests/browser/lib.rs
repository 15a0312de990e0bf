//! A real browser and the words it shows, for the tests beside this file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod driver;
mod words;

pub use driver::Browser;
pub use words::Words;
