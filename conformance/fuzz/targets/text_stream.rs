//! Runs [`papo_conformance::fuzz::relays::text_stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::relays::text_stream(data));
