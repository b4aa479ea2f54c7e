//! What programs of four older systems speak: plain text, without a handshake.
//!
//! - [`address_beacon`]: how LAN peers call out where they listen.
//! - [`json`]: objects that follow one another, between clients and their tracker, and between peers.
//! - [`spaced`]: such objects for programs that take what one read brings for one object.
//! - [`mod@line`]: lines, between clients and their tracker.
//! - [`text`]: text that comes in pieces, and that is cut between characters.
//! - [`paced`]: raw text for programs that read 1,024 bytes at once and die of half a character.

pub mod address_beacon;
pub mod json;
pub mod line;
pub mod paced;
pub mod spaced;
pub mod text;

/// No text is longer that is written to such a program at once, in bytes: what it reads at once.
pub const READ_BYTES: usize = 1024;
