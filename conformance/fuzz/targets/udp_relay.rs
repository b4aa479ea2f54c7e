//! Runs [`papo_conformance::fuzz::relays::udp_relay`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::relays::udp_relay(data));
