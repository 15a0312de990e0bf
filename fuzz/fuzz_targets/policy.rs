//! What libFuzzer calls for `policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::policy(bytes));
