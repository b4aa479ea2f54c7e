//! Runs [`papo_conformance::fuzz::channel::channel`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::channel::channel(data));
