//! What libFuzzer calls for `foreign`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::foreign(bytes));
