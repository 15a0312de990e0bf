//! What libFuzzer calls for `wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::wire(bytes));
