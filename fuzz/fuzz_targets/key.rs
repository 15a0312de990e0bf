//! What libFuzzer calls for `key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::key(bytes));
