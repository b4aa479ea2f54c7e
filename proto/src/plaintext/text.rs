//! Text that comes as bytes, cut anywhere, and leaves cut between characters.

/// Makes text of a stream of bytes. What is no UTF-8 is dropped.
///
/// Invariant: what is kept is the beginning of one character, so at most three bytes.
#[derive(Debug, Default)]
pub struct TextStream {
    begun: Vec<u8>,
}

impl TextStream {
    /// The text that is whole with these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            if chunks.peek().is_none() && is_begun(chunk.invalid()) {
                self.begun = chunk.invalid().to_vec();
            }
        }
        text
    }
}

/// Whether more bytes could make a character of these.
fn is_begun(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// Cuts a text between characters into pieces of at most `bytes_max` bytes.
///
/// # Panics
/// When `bytes_max` is less than 4, the longest character.
pub fn pieces(text: &str, bytes_max: usize) -> impl Iterator<Item = &str> {
    assert!(bytes_max >= 4, "every character fits a piece");
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, left) = rest.split_at(rest.floor_char_boundary(bytes_max));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_however_its_bytes_are_cut() {
        let whole = "Olá, 日本 🙂!";
        for cut in 0..=whole.len() {
            let (first, second) = whole.as_bytes().split_at(cut);
            let mut stream = TextStream::default();
            assert_eq!(stream.push(first) + &stream.push(second), whole, "cut at {cut}");
            assert!(stream.begun.is_empty());
        }
        let mut stream = TextStream::default();
        let byte_by_byte: String = whole.bytes().map(|byte| stream.push(&[byte])).collect();
        assert_eq!(byte_by_byte, whole);
    }

    #[test]
    fn what_is_no_text_is_dropped_and_the_rest_is_kept() {
        let mut stream = TextStream::default();
        assert_eq!(stream.push(b"a\xff\xfeb\xc3"), "ab");
        assert_eq!(stream.push(b"\xa1c"), "\u{e1}c");
        assert_eq!(stream.push(b"\xf0\x9f\x99"), "");
        assert_eq!(stream.push(b"x"), "x", "what was begun comes to nothing");
        assert_eq!(stream.push(b"\xe2\x82"), "");
        assert_eq!(stream.begun.len(), 2);
        assert_eq!(stream.push(b"\xe2\x82\xac"), "\u{20ac}");
    }

    #[test]
    fn pieces_are_cut_between_characters_and_make_the_text_again() {
        for bytes_max in 4..12 {
            let text = "aé日🙂".repeat(5);
            let cut: Vec<_> = pieces(&text, bytes_max).collect();
            assert!(cut.iter().all(|piece| !piece.is_empty() && piece.len() <= bytes_max));
            assert_eq!(cut.concat(), text);
        }
        assert_eq!(pieces("", 4).count(), 0);
        assert_eq!(pieces("abcd", 4).collect::<Vec<_>>(), ["abcd"]);
        assert_eq!(pieces("abcde", 4).collect::<Vec<_>>(), ["abcd", "e"]);
    }
}
