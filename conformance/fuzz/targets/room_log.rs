//! Runs [`papo_conformance::fuzz::room_log::room_log`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| papo_conformance::fuzz::room_log::room_log(data));
