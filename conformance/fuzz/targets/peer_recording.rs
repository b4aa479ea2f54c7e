//! Runs [`papo_conformance::fuzz::decoders::peer_recording`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::decoders::peer_recording(data));
