//! Runs [`papo_conformance::fuzz::relays::relay_chat`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::relays::relay_chat(data));
