//! The length in front of each message of a native connection: `u16`, big-endian, of the bytes that follow.
//!
//! Invariant: no more is ever buffered than one frame of the present bound and one chunk of the driver's.

use crate::pieces;

/// A frame is longer than it may be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes, where {max} is the most")]
pub struct FrameTooLong {
    /// As announced.
    pub length: usize,
    /// The bound at this point of the connection.
    pub max: usize,
}

/// What an idle connection may keep allocated; a burst's larger buffer is given back once it is worked off.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    start: usize,
}

impl Frames {
    /// Appends bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        pieces::append(&mut self.buffer, bytes);
    }

    /// The next whole frame without its length, if it is there.
    ///
    /// # Errors
    /// As soon as a length above `max` is announced, however little of the frame has arrived.
    pub fn next_frame(&mut self, max: usize) -> Result<Option<&[u8]>, FrameTooLong> {
        let rest = &self.buffer[self.start..];
        let Some((&[high, low], body)) = rest.split_first_chunk::<2>() else {
            self.settle();
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > max {
            return Err(FrameTooLong { length, max });
        }
        if body.len() < length {
            self.settle();
            return Ok(None);
        }
        let from = self.start + 2;
        self.start = from + length;
        Ok(Some(&self.buffer[from..self.start]))
    }

    /// Forgets what was taken, and gives memory back.
    fn settle(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.capacity() > KEPT_BYTES_MAX.max(4 * self.buffer.len()) {
            self.buffer.shrink_to(KEPT_BYTES_MAX);
        }
    }

    /// How many bytes wait here for the rest of their frame.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }
}

/// Appends a frame whose body is what `write` appends.
///
/// # Panics
/// When the body is 65,536 bytes or longer; every message is bounded far below.
pub fn encode(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    write(out);
    let length = u16::try_from(out.len() - start - 2).expect("messages are bounded below 65,536 bytes");
    out[start..start + 2].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        for body in [&b"one"[..], b"", b"three"] {
            encode(&mut stream, |out| out.extend_from_slice(body));
        }
        assert_eq!(crate::hex::encode(&stream), "00036f6e650000000574687265".to_owned() + "65");
        for size in 1..=stream.len() {
            let mut frames = Frames::default();
            let mut bodies = Vec::new();
            for chunk in stream.chunks(size) {
                frames.push(chunk);
                while let Some(body) = frames.next_frame(5).expect("short frames") {
                    bodies.push(body.to_vec());
                }
            }
            assert_eq!(bodies, [&b"one"[..], b"", b"three"], "cut every {size}");
            assert_eq!(frames.buffered(), 0);
        }
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let mut burst = Vec::new();
        for _ in 0..1000 {
            encode(&mut burst, |out| out.extend_from_slice(&[7; 62]));
        }
        burst.extend_from_slice(&[0, 5, 1]);
        let mut frames = Frames::default();
        frames.push(&burst);
        let mut count = 0;
        while frames.next_frame(62).expect("short frames").is_some() {
            count += 1;
        }
        assert_eq!((count, frames.buffered()), (1000, 3));
        assert!(frames.buffer.capacity() <= KEPT_BYTES_MAX, "{} bytes kept", frames.buffer.capacity());
    }

    #[test]
    fn a_frame_past_the_bound_is_refused_before_it_arrives() {
        let mut frames = Frames::default();
        frames.push(&[0, 6]);
        assert_eq!(frames.next_frame(6), Ok(None));
        assert_eq!(frames.next_frame(5), Err(FrameTooLong { length: 6, max: 5 }));
    }
}
