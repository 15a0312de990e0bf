//! What libFuzzer calls for `text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::text(bytes));
