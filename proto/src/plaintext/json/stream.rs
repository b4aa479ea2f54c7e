//! Cuts a stream of bytes into JSON objects, however they are split or glued together.

use serde_json::Value;

use super::Fields;

/// These bytes are not the beginning of an object, or the object is too long. What follows cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoObject {
    /// They are no JSON object in UTF-8.
    #[error("these bytes are no JSON object")]
    Malformed,
    /// The object is longer than it may be.
    #[error("a JSON object is too long")]
    TooLong,
}

/// Bytes that came, as far as they are not yet cut into objects.
///
/// Invariants: each byte is looked at once before its object is whole, and once more then; what is kept begins with
/// `{`.
#[derive(Debug, Default)]
pub struct ObjectStream {
    bytes: Vec<u8>,
    /// How far the first object has been looked at, and how things stand there.
    seen: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl ObjectStream {
    /// Takes bytes, however they are cut.
    pub fn push(&mut self, bytes: &[u8]) {
        let bytes = if self.bytes.is_empty() { bytes.trim_ascii_start() } else { bytes };
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait here.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.bytes.len()
    }

    /// The next object, if it is whole. It may have `bytes_max` bytes.
    ///
    /// # Errors
    /// When there is none; nothing that follows can be told apart, so the connection is of no further use.
    pub fn next_object(&mut self, bytes_max: usize) -> Result<Option<Fields>, NoObject> {
        if self.bytes.first().is_some_and(|&first| first != b'{') {
            return Err(NoObject::Malformed);
        }
        let Some(end) = self.find_end() else {
            return if self.bytes.len() > bytes_max { Err(NoObject::TooLong) } else { Ok(None) };
        };
        if end > bytes_max {
            return Err(NoObject::TooLong);
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(&self.bytes[..end]) else {
            return Err(NoObject::Malformed);
        };
        let space = self.bytes[end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.bytes.drain(..end + space);
        self.seen = 0;
        Ok(Some(Fields(object)))
    }

    /// Where the first object ends, if it does.
    fn find_end(&mut self) -> Option<usize> {
        for &byte in &self.bytes[self.seen..] {
            self.seen += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(self.seen);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 64;

    /// Every object that the pieces make, and what was wrong at last.
    fn objects(pieces: &[&[u8]]) -> (Vec<String>, Option<NoObject>) {
        let (mut stream, mut objects) = (ObjectStream::default(), Vec::new());
        for piece in pieces {
            stream.push(piece);
            loop {
                match stream.next_object(MAX) {
                    Ok(Some(Fields(object))) => objects.push(Value::Object(object).to_string()),
                    Ok(None) => break,
                    Err(error) => return (objects, Some(error)),
                }
            }
        }
        (objects, None)
    }

    #[test]
    fn objects_are_the_same_however_they_are_split_and_glued() {
        let glued = "\r\n{\"a\":\"}{ \\\"\\\\\",\"é\":[1,{}]}{} \t\n{\"日\":\"\\u00e1\\ud83d\\ude42\"}\n".as_bytes();
        let expected = [r#"{"a":"}{ \"\\","é":[1,{}]}"#, "{}", "{\"日\":\"á\u{1f642}\"}"].map(str::to_owned);
        assert_eq!(objects(&[glued]), (expected.to_vec(), None));
        for cut in 0..=glued.len() {
            let (first, second) = glued.split_at(cut);
            assert_eq!(objects(&[first, second]), (expected.to_vec(), None), "split at {cut}");
        }
        let bytes = glued.iter().map(std::slice::from_ref).collect::<Vec<_>>();
        assert_eq!(objects(&bytes), (expected.to_vec(), None));
    }

    #[test]
    fn an_object_that_has_begun_waits_and_white_space_does_not() {
        let mut stream = ObjectStream::default();
        stream.push(b" \n\t");
        assert_eq!((stream.next_object(MAX), stream.buffered()), (Ok(None), 0));
        stream.push(b"{\"a\"");
        assert_eq!((stream.next_object(MAX), stream.buffered()), (Ok(None), 4));
        stream.push(b":1}\n");
        assert!(stream.next_object(MAX).is_ok_and(|object| object.is_some()));
        assert_eq!(stream.buffered(), 0);
    }

    #[test]
    fn an_object_may_be_as_long_as_it_may_be_and_no_longer() {
        let of = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8)).into_bytes();
        assert_eq!(objects(&[&of(MAX)]).0.len(), 1);
        assert_eq!(objects(&[&of(MAX + 1)]), (vec![], Some(NoObject::TooLong)));
        assert_eq!(objects(&[&of(MAX + 1)[..MAX]]), (vec![], None));
        assert_eq!(objects(&[&of(2 * MAX)[..=MAX]]), (vec![], Some(NoObject::TooLong)), "whether it ends or not");
        assert_eq!(objects(&[&of(MAX), &of(MAX)]).0.len(), 2, "each for itself");
    }

    #[test]
    fn nonsense_is_no_object() {
        for nonsense in [
            &b"x"[..],
            b"[]",
            b"7 ",
            b"\"a\"",
            b"}",
            b"{]",
            b"{a:1}",
            b"{\"a\":1,}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\n\"}",
            b"{\"a\":\"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            b"null",
        ] {
            assert_eq!(objects(&[nonsense]), (vec![], Some(NoObject::Malformed)), "{nonsense:?}");
        }
        let deep = [b"{\"a\":".as_slice(), &[b'['; 200], &[b']'; 200], b"}"].concat();
        let mut stream = ObjectStream::default();
        stream.push(&deep);
        assert_eq!(stream.next_object(usize::MAX), Err(NoObject::Malformed), "deeper than anybody needs");
        assert_eq!(objects(&[b"{}", b"{} x"]).0.len(), 2, "what came before is heard");
    }
}
