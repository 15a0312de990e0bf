//! What libFuzzer calls for `proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::proof(bytes));
