#![no_main]

#[allow(dead_code, reason = "each target has its own property")]
#[path = "../../tests/fuzz/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::copies(data));
