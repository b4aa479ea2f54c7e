//! Bare JSON objects that follow one another without a delimiter (PROTOCOL.md, "Plaintext").
//!
//! - [`stream`]: cuts bytes into objects.
//! - [`request`]: what a client asks its tracker.
//! - [`reply`]: what a tracker answers, and pushes.
//! - [`sentence`]: the sentences in it, which the people of that system know.
//! - [`peer`]: what peers say to each other.
//!
//! Invariants: an object for a client is no longer than [`REPLY_BYTES_MAX`], one for a listener of that system no
//! longer than [`READ_BYTES`](super::READ_BYTES); what the other end says is told apart here and judged elsewhere.

pub mod peer;
pub mod reply;
pub mod request;
pub mod sentence;
pub mod stream;

use serde::Serialize;
use serde_json::{Map, Value};

/// What a client of that system reads at once, in bytes.
pub const REPLY_BYTES_MAX: usize = 4096;

/// An object as it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// A text that is there and is not empty: what is missing, null, of another type or empty is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether the field is there and is null.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }

    /// A port, as a number or as a text of digits.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<u16> {
        let field = self.0.get(name)?;
        let number = field.as_u64().and_then(|number| number.try_into().ok());
        number.or_else(|| field.as_str().and_then(digits)).filter(|&port| port > 0)
    }
}

fn digits(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn encode(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("texts and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        let mut stream = stream::ObjectStream::default();
        stream.push(text.as_bytes());
        stream.next_object(usize::MAX).expect("it is JSON").expect("it is whole")
    }

    #[test]
    fn a_text_that_is_missing_null_empty_or_no_text_is_not_there() {
        let fields = fields(r#"{"a":"x","b":null,"c":"","d":7,"e":{},"f":["x"]}"#);
        assert_eq!(fields.text("a"), Some("x"));
        for name in ["b", "c", "d", "e", "f", "g"] {
            assert_eq!(fields.text(name), None, "{name}");
        }
        assert!(fields.is_null("b") && !fields.is_null("a") && !fields.is_null("g"));
    }

    #[test]
    fn a_port_is_a_number_or_a_text_of_digits() {
        let fields = fields(
            r#"{"a":5000,"b":"5000","c":null,"d":0,"e":65536,"f":"+1","g":-1,"h":50.5,"i":"","j":{},"k":65535}"#,
        );
        assert_eq!((fields.port("a"), fields.port("b"), fields.port("k")), (Some(5000), Some(5000), Some(65535)));
        for name in ["c", "d", "e", "f", "g", "h", "i", "j", "l"] {
            assert_eq!(fields.port(name), None, "{name}");
        }
    }
}
