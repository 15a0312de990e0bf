//! What libFuzzer calls for `sealed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::sealed(bytes));
