//! What libFuzzer calls for `checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::checkpoint(bytes));
