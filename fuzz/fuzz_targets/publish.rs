//! What libFuzzer calls for `publish`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::publish(bytes));
