//! Messages after the handshake: sealed, opened, and the key replaced now and then.
//!
//! Each direction has a key and counts its messages from 0; the count is the nonce. After every [`REKEY_AFTER`]
//! messages the direction's key is replaced by REKEY (Noise, section 4.2), at both ends after the same message, so that
//! a key that leaks opens little of the past. The nonce goes on through it, so no nonce is ever used twice, whatever
//! the key; 2^64 messages do not happen.

use snow::{HandshakeState, TransportState};

use super::TAG_BYTES;
use crate::{error::Fault, wire::frame};

/// A direction's key is replaced after so many messages.
pub const REKEY_AFTER: u64 = 65_536;

/// Both directions of an established channel.
pub(super) struct Transport {
    noise: TransportState,
    /// [`REKEY_AFTER`], but for tests that cross it often.
    pub(super) rekey_after: u64,
}

impl Transport {
    /// # Panics
    /// When the handshake is not complete.
    pub(super) fn new(handshake: HandshakeState) -> Self {
        let noise = handshake.into_transport_mode().expect("the last handshake message was written or read");
        Self { noise, rekey_after: REKEY_AFTER }
    }

    /// Appends one frame.
    pub(super) fn seal(&mut self, message: &[u8], out: &mut Vec<u8>) {
        assert!(!message.is_empty(), "a message has at least its kind");
        self.seal_any(message, out);
    }

    /// [`Self::seal`] for a message that may be empty, as a stranger's may.
    pub(super) fn seal_any(&mut self, message: &[u8], out: &mut Vec<u8>) {
        frame::encode(out, |out| {
            let start = out.len();
            out.resize(start + message.len() + TAG_BYTES, 0);
            self.noise.write_message(message, &mut out[start..]).expect("messages are bounded below 65,520 bytes");
        });
        if self.noise.sending_nonce().is_multiple_of(self.rekey_after) {
            self.noise.rekey_outgoing();
        }
    }

    /// What a frame holds.
    pub(super) fn open(&mut self, frame: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut message = vec![0; frame.len().checked_sub(TAG_BYTES).ok_or(Fault::Decrypt)?];
        self.noise.read_message(frame, &mut message).map_err(|_| Fault::Decrypt)?;
        if message.is_empty() {
            return Err(Fault::Malformed);
        }
        if self.noise.receiving_nonce().is_multiple_of(self.rekey_after) {
            self.noise.rekey_incoming();
        }
        Ok(message)
    }
}
