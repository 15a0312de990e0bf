//! What libFuzzer calls for `receipt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::receipt(bytes));
