//! Runs [`papo_conformance::fuzz::decoders::fields`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::decoders::fields(data));
