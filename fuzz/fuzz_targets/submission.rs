//! What libFuzzer calls for `submission`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::submission(bytes));
