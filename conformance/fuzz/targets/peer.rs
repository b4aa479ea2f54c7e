//! Runs [`papo_conformance::fuzz::peer::peer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::peer::peer(data));
