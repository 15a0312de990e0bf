//! What libFuzzer calls for `note`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::note(bytes));
