//! What libFuzzer calls for `entry`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::entry(bytes));
