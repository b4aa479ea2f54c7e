//! Runs [`papo_conformance::fuzz::decoders::tracker_recording`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::decoders::tracker_recording(data));
