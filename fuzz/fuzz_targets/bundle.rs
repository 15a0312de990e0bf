//! What libFuzzer calls for `bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lianshi_fuzz::bundle(bytes));
