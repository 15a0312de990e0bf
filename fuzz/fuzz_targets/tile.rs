//! What libFuzzer calls for `tile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::tile(bytes));
