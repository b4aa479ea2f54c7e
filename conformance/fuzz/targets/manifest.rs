//! Runs [`papo_conformance::fuzz::manifest::manifest`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::manifest::manifest(data));
