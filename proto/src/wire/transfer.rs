//! What of a file transfer both ends and their disks speak of (PROTOCOL.md, "Transfers").
//!
//! A transfer is one stream of bytes: for a directory its manifest, then the contents of all its files, one after the
//! other; for a single file its contents alone. The messages around it are kinds of [`super::peer::ToPeer`].

use serde::{Deserialize, Serialize};

use crate::channel::TAG_BYTES;

use super::{
    codec::{Bytes, Malformed, Reader, Text, Wire, hexadecimal, wire_choice, wire_struct},
    room::RoomId,
};

/// One entry of what is transferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the top, its components separated by `/`; empty for the one entry of a single file.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A directory; what is in it has entries of its own.
    Directory,
    /// A file.
    File {
        /// Its length in bytes.
        size: u64,
        /// Whether its owner may execute it.
        executable: bool,
    },
}

/// The longest name of what is offered, in bytes: what file systems take.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// The longest path within a directory, in bytes.
pub const PATH_BYTES_MAX: usize = 4_095;
/// No transfer is larger, so that sums of sizes are numbers.
pub const SIZE_MAX: u64 = 1 << 62;
/// What of a stream may be sent that is not on the receiver's disk, as far as the sender knows.
pub const AHEAD_BYTES_MAX: u64 = 1024 * 1024;
/// The most bytes of a chunk: with all around it, it makes a frame of 16 KiB on the wire.
pub const CHUNK_BYTES_MAX: usize = 16 * 1024 - (2 + ChunkRef::START_BYTES + TAG_BYTES);

hexadecimal! {
    /// Names a transfer for both ends: drawn by whoever sends.
    TransferId([u8; 16])
}
hexadecimal! {
    /// A SHA-256.
    Hash([u8; 32])
}

/// Whom something was sent to, as its receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// This receiver only.
    Private,
    /// Everyone whom the sender was linked to.
    All,
    /// The members of a room.
    Room(RoomId),
}

impl Wire for Audience {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Private => out.push(0),
            Self::All => out.push(1),
            Self::Room(room) => {
                out.push(2);
                room.encode(out);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::decode(reader)? {
            0 => Ok(Self::Private),
            1 => Ok(Self::All),
            2 => RoomId::decode(reader).map(Self::Room),
            other => Err(Malformed::Kind(other)),
        }
    }
}

wire_struct! {
    /// What is offered.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Offer {
        /// What it is called, one component; the receiver makes it harmless.
        pub name: Text<FILE_NAME_BYTES_MAX>,
        /// Whether it is a directory, and so has a manifest.
        pub tree: bool,
        /// For a single file, whether its owner may execute it.
        pub executable: bool,
        /// The bytes of all files together; at most [`SIZE_MAX`].
        pub size: u64,
        /// How many files it has.
        pub files: u32,
        /// The length of the manifest in bytes; 0 for a single file.
        pub manifest: u32,
        /// To whom it was sent.
        pub audience: Audience,
    }
}

impl Offer {
    /// The length of the stream: the manifest and all files.
    #[must_use]
    pub fn stream_bytes(&self) -> u64 {
        u64::from(self.manifest).saturating_add(self.size)
    }
}

/// Bytes of a stream, at least one.
pub type Chunk = Bytes<CHUNK_BYTES_MAX>;

/// A [`ToPeer::Chunk`](super::peer::ToPeer::Chunk) whose bytes stay where they are: they are long, and many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef<'a> {
    /// Which stream.
    pub stream: u32,
    /// Where they begin.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> ChunkRef<'a> {
    const KIND: u8 = 12;
    /// The kind, the stream, the offset, and the length of the bytes, which follow.
    pub const START_BYTES: usize = 1 + 4 + 8 + 2;

    /// Whether a message is one, or would be.
    #[must_use]
    pub fn is_in(message: &[u8]) -> bool {
        message.first() == Some(&Self::KIND)
    }

    /// Reads a message that [is one](Self::is_in).
    ///
    /// # Errors
    /// When it is not.
    pub fn from_bytes(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        match u8::decode(&mut reader)? {
            Self::KIND => {}
            other => return Err(Malformed::Kind(other)),
        }
        let (stream, offset) = (u32::decode(&mut reader)?, u64::decode(&mut reader)?);
        let bytes = Chunk::decode_slice(&mut reader)?;
        reader.finish()?;
        Ok(Self { stream, offset, bytes })
    }

    /// Appends the [`Self::START_BYTES`] of a message; so many bytes are to follow.
    pub fn encode_start(stream: u32, offset: u64, length: usize, out: &mut Vec<u8>) {
        out.push(Self::KIND);
        stream.encode(out);
        offset.encode(out);
        u16::try_from(length).expect("a chunk is short").encode(out);
    }
}

wire_choice! {
    /// Why a transfer ends without having arrived, as whoever ends it says.
    pub enum Reason {
        /// The receiver does not want it.
        0 = Rejected,
        /// One end wants it no longer.
        1 = Cancelled,
        /// The receiver has too many offers before it.
        2 = Busy,
        /// The receiver's disk is full.
        3 = Full,
        /// What is sent is not what was offered any more: it changed, or is gone.
        4 = Changed,
        /// The disk of whoever says so failed.
        5 = Failed,
        /// The offer, its manifest or its stream is not what it may be, or not what was promised.
        6 = Invalid,
        /// What arrived has another hash than what was sent.
        7 = Mismatch,
        /// The person whose key this was has another one now.
        8 = OtherKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::peer::ToPeer;

    #[test]
    fn a_chunk_is_read_and_written_in_place_as_the_message_is() {
        for bytes in [vec![], vec![7], vec![1; CHUNK_BYTES_MAX]] {
            let chunk = ChunkRef { stream: 7, offset: 9, bytes: &bytes };
            let mut message = Vec::new();
            ChunkRef::encode_start(chunk.stream, chunk.offset, bytes.len(), &mut message);
            assert_eq!(message.len(), ChunkRef::START_BYTES);
            message.extend_from_slice(&bytes);
            let whole = ToPeer::Chunk { stream: 7, offset: 9, bytes: Chunk::new(&*bytes).expect("at the bound") };
            assert_eq!(message, whole.to_bytes());
            assert!(ChunkRef::is_in(&message));
            assert_eq!(ChunkRef::from_bytes(&message), Ok(chunk));
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused_as_the_message_is() {
        let chunk = |length: u16, bytes: usize| [&[12; 13][..], &length.to_be_bytes(), &vec![1; bytes]].concat();
        let longest = u16::try_from(CHUNK_BYTES_MAX).expect("a chunk is short");
        let mut others = vec![vec![], vec![1; 9], chunk(2, 3), chunk(longest + 1, CHUNK_BYTES_MAX + 1)];
        others.extend((0..chunk(2, 2).len()).map(|cut| chunk(2, 2)[..cut].to_vec()));
        for other in others {
            let refused = ChunkRef::from_bytes(&other).expect_err("it is none");
            if ChunkRef::is_in(&other) {
                assert_eq!(ToPeer::from_bytes(&other), Err(refused));
            }
        }
    }
}
