//! Long bytes in pieces, for whoever copies them.
//!
//! What is longer than about two kilobytes, the C library copies by one instruction on processors that say they are
//! fast at it. AMD's Zen 3 and Zen 4 say so, and take thirty times as long for it where the target begins 1 to 15 bytes
//! behind the source in a page of memory (glibc 2.39 knows; before that, nobody does). A file's bytes are copied from
//! one odd place to another, several times, and one such place would cost more than opening them does.

use std::slice::Chunks;

/// Copied by ordinary instructions everywhere.
const PIECE_BYTES: usize = 2 * 1024;

/// The pieces to copy, in order.
pub fn pieces(bytes: &[u8]) -> Chunks<'_, u8> {
    bytes.chunks(PIECE_BYTES)
}

/// Appends a copy.
pub fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len());
    for piece in pieces(bytes) {
        out.extend_from_slice(piece);
    }
}

/// Copies to a place of the same length.
///
/// # Panics
/// When the lengths differ.
pub fn copy(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len(), "a copy has the length of what is copied");
    for (to, from) in to.chunks_mut(PIECE_BYTES).zip(pieces(from)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_pieces_is_a_copy() {
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 10 * PIECE_BYTES + 7] {
            let bytes = (0..length).map(|byte| (byte % 251) as u8).collect::<Vec<_>>();
            let mut appended = vec![9];
            append(&mut appended, &bytes);
            assert_eq!(appended, [&[9], &*bytes].concat());
            let mut copied = vec![0; length];
            copy(&mut copied, &bytes);
            assert_eq!(copied, bytes);
        }
    }
}
