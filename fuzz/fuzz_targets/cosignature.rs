//! What libFuzzer calls for `cosignature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::cosignature(bytes));
