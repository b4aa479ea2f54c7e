//! Runs [`papo_conformance::fuzz::tracker::tracker`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::tracker::tracker(data));
