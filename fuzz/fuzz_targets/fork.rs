//! What libFuzzer calls for `fork`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::fork(bytes));
