//! What the tests of every message have in common.

use super::codec::{Malformed, Wire};

/// A value and its bytes belong together, and neither fewer nor more bytes are any value. `hex` may have spaces between
/// its fields.
#[track_caller]
pub(crate) fn check<T: Wire + PartialEq + std::fmt::Debug>(value: &T, hex: &str) {
    let bytes = crate::hex::decode(&hex.replace(' ', "")).expect("hexadecimal");
    assert_eq!(crate::hex::encode(&value.to_bytes()), crate::hex::encode(&bytes));
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value));
    for cut in 0..bytes.len() {
        assert_eq!(T::from_bytes(&bytes[..cut]), Err(Malformed::Short), "cut at {cut}");
    }
    assert_eq!(T::from_bytes(&[&bytes[..], &[0]].concat()), Err(Malformed::Trailing));
}
