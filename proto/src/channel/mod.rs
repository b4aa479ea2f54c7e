//! One connection's life, from its first byte: preface, Noise handshake, identities, transport (PROTOCOL.md,
//! "Channel").
//!
//! A [`Channel`] is fed the bytes of a connection and cuts them into [`Step`]s; what it has to say is appended to the
//! caller's buffer. After each [`Channel::handle_bytes`] its owner calls [`Channel::next_step`] until that is `None`
//! or a fault, and closes the connection on a fault.
//!
//! ```text
//!   dialler   AwaitSecond ──message 2──▶ Identified ──confirm──▶ Transport
//!   acceptor  AwaitPreface ──preface──▶ AwaitFirst ──message 1──▶ AwaitThird ──message 3──▶ Transport
//!   any ──fault──▶ Failed, for good
//! ```
//!
//! The dialler is shown the acceptor's identity ([`Step::Identified`]) before it has said who it is; it goes on by
//! [`Channel::confirm`] or drops the connection. Both get [`Step::Established`] once, and messages only after it.
//!
//! - [`preface`]: the line that tells what is spoken.
//! - [`binding`]: how an identity key vouches for this channel and no other.
//! - [`resolver`]: the primitives, with randomness from a derived stream.
//! - [`transport`]: sealing, opening, rekeying.
//!
//! Invariants: it never speaks before it is spoken to (the dialler aside), never falls back to anything weaker, never
//! goes on after a fault, and holds no more than one frame of the present bound and one chunk of the driver's.

pub mod binding;
pub mod preface;
pub mod resolver;
pub mod transport;

#[cfg(test)]
mod tests;

use std::fmt;

use snow::{Builder, HandshakeState};

use crate::{
    error::Fault,
    identity::{Identity, Key},
    rng::Stream,
    wire::frame::{self, Frames},
};
use binding::{BINDING_BYTES, Role};
use preface::{Arriving, Seen};
use resolver::SeededResolver;
use transport::Transport;

pub use preface::Preface;
pub use resolver::StaticKey;

/// The Noise protocol of every channel.
pub const NOISE: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// Message 1 is `e`, without a payload.
pub const FIRST_BYTES: usize = 32;
/// Message 2 is `e`, the sealed static key, the sealed identity.
pub const SECOND_BYTES: usize = 32 + (32 + TAG_BYTES) + (BINDING_BYTES + TAG_BYTES);
/// Message 3 is the sealed static key and the sealed identity.
pub const THIRD_BYTES: usize = (32 + TAG_BYTES) + (BINDING_BYTES + TAG_BYTES);
/// What sealing adds to a message.
pub const TAG_BYTES: usize = 16;

/// What a channel has to tell its owner.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// To the dialler only: this is who answers. Check the key, then [`Channel::confirm`] or drop the connection.
    Identified(Key),
    /// The handshake is complete with whoever has this key. Comes once, before any message.
    Established(Key),
    /// A message, as it was sealed; never empty.
    Message(Vec<u8>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identified(key) => write!(f, "Identified({key:?})"),
            Self::Established(key) => write!(f, "Established({key:?})"),
            Self::Message(message) => write!(f, "Message({} bytes)", message.len()),
        }
    }
}

/// What both ends of a handshake need until it is complete.
struct Handshake {
    noise: Box<HandshakeState>,
    identity: Identity,
    /// This end's X25519 static public key.
    statics: [u8; 32],
}

enum State {
    AwaitPreface(Arriving, Handshake),
    AwaitFirst(Handshake),
    AwaitSecond(Handshake),
    Identified(Handshake, Key),
    AwaitThird(Handshake),
    /// With the key while [`Step::Established`] is owed.
    Transport(Transport, Option<Key>),
    Failed(Fault),
}

/// One connection. See the [module](self) for its life.
pub struct Channel {
    state: State,
    frames: Frames,
}

impl Channel {
    /// The dialler's end; appends the preface and message 1 to `out`. `rng` is used for nothing else.
    #[must_use]
    pub fn dial(preface: Preface, identity: Identity, statics: &StaticKey, rng: Stream, out: &mut Vec<u8>) -> Self {
        let mut handshake = Handshake::new(Role::Dialler, preface, identity, statics, rng);
        out.extend_from_slice(preface.line());
        let state = match handshake.write(&[], FIRST_BYTES, out) {
            Ok(()) => State::AwaitSecond(handshake),
            Err(fault) => State::Failed(fault),
        };
        Self { state, frames: Frames::default() }
    }

    /// The acceptor's end, which wants `preface` to be spoken. `rng` is used for nothing else.
    #[must_use]
    pub fn accept(preface: Preface, identity: Identity, statics: &StaticKey, rng: Stream) -> Self {
        let handshake = Handshake::new(Role::Acceptor, preface, identity, statics, rng);
        Self { state: State::AwaitPreface(Arriving::new(preface), handshake), frames: Frames::default() }
    }

    /// Takes bytes of the connection, however they are cut.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.state = match std::mem::replace(&mut self.state, State::Failed(Fault::NotPapo)) {
            State::AwaitPreface(mut arriving, handshake) => match arriving.push(bytes) {
                Seen::Part => State::AwaitPreface(arriving, handshake),
                Seen::Whole { rest } => {
                    self.frames.push(rest);
                    State::AwaitFirst(handshake)
                }
                Seen::Wrong(fault) => State::Failed(fault),
            },
            State::Failed(fault) => State::Failed(fault),
            framed @ (State::AwaitFirst(_)
            | State::AwaitSecond(_)
            | State::Identified(..)
            | State::AwaitThird(_)
            | State::Transport(..)) => {
                self.frames.push(bytes);
                framed
            }
        };
    }

    /// The next step, if the bytes for it are there; what is to be sent for it is appended to `out`. No transport
    /// frame may be longer than `frame_bytes_max` after its length; handshake frames have their own exact lengths.
    ///
    /// # Errors
    /// The fault for which the connection is to be closed; the same one ever after.
    pub fn next_step(&mut self, frame_bytes_max: usize, out: &mut Vec<u8>) -> Result<Option<Step>, Fault> {
        let state = std::mem::replace(&mut self.state, State::Failed(Fault::Handshake));
        let (state, result) = match self.advance(state, frame_bytes_max, out) {
            Ok((state, step)) => (state, Ok(step)),
            Err(fault) => {
                self.frames = Frames::default();
                (State::Failed(fault), Err(fault))
            }
        };
        self.state = state;
        result
    }

    /// The dialler accepts whom [`Step::Identified`] has shown: appends message 3 to `out`.
    ///
    /// # Panics
    /// When nobody waits to be confirmed.
    pub fn confirm(&mut self, out: &mut Vec<u8>) {
        let State::Identified(mut handshake, key) = std::mem::replace(&mut self.state, State::Failed(Fault::Handshake))
        else {
            panic!("a channel is confirmed once, after it identified its acceptor");
        };
        let payload = handshake.binding(Role::Dialler);
        self.state = match handshake.write(&payload, THIRD_BYTES, out) {
            Ok(()) => State::Transport(Transport::new(*handshake.noise), Some(key)),
            Err(fault) => State::Failed(fault),
        };
    }

    /// Appends one whole frame with `message` sealed in it to `out`.
    ///
    /// # Panics
    /// When the channel is not established, or the message is empty or longer than 65,519 bytes: nobody has such a
    /// thing to say.
    pub fn seal(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let State::Transport(transport, _) = &mut self.state else {
            panic!("nothing is sealed before a channel is established");
        };
        transport.seal(message, out);
    }

    /// Whether messages can be sealed.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Transport(..))
    }

    /// How many bytes wait here for the rest of their frame.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.frames.buffered()
    }

    fn advance(
        &mut self,
        state: State,
        frame_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(State, Option<Step>), Fault> {
        let mut state = state;
        loop {
            state = match state {
                State::AwaitFirst(mut handshake) => {
                    let Some(frame) = self.next_frame(FIRST_BYTES)? else {
                        return Ok((State::AwaitFirst(handshake), None));
                    };
                    handshake.read::<0>(frame)?;
                    let payload = handshake.binding(Role::Acceptor);
                    handshake.write(&payload, SECOND_BYTES, out)?;
                    State::AwaitThird(handshake)
                }
                State::AwaitSecond(mut handshake) => {
                    let Some(frame) = self.next_frame(SECOND_BYTES)? else {
                        return Ok((State::AwaitSecond(handshake), None));
                    };
                    let key = handshake.read_identity(frame, Role::Acceptor)?;
                    return Ok((State::Identified(handshake, key), Some(Step::Identified(key))));
                }
                State::AwaitThird(mut handshake) => {
                    let Some(frame) = self.next_frame(THIRD_BYTES)? else {
                        return Ok((State::AwaitThird(handshake), None));
                    };
                    let key = handshake.read_identity(frame, Role::Dialler)?;
                    State::Transport(Transport::new(*handshake.noise), Some(key))
                }
                State::Transport(transport, Some(key)) => {
                    return Ok((State::Transport(transport, None), Some(Step::Established(key))));
                }
                State::Transport(mut transport, None) => {
                    let Some(frame) = self.next_frame(frame_bytes_max)? else {
                        return Ok((State::Transport(transport, None), None));
                    };
                    let message = transport.open(frame)?;
                    return Ok((State::Transport(transport, None), Some(Step::Message(message))));
                }
                // An acceptor has nothing to say before it knows to whom.
                State::Identified(..) if self.frames.buffered() > 0 => return Err(Fault::Unexpected),
                waiting @ (State::AwaitPreface(..) | State::Identified(..)) => return Ok((waiting, None)),
                State::Failed(fault) => return Err(fault),
            };
        }
    }

    fn next_frame(&mut self, max: usize) -> Result<Option<&[u8]>, Fault> {
        self.frames.next_frame(max).map_err(|_| Fault::FrameTooLong)
    }
}

/// Shows its state and no secret.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::AwaitPreface(..) => "Channel(await preface)",
            State::AwaitFirst(_) => "Channel(await first)",
            State::AwaitSecond(_) => "Channel(await second)",
            State::Identified(..) => "Channel(identified)",
            State::AwaitThird(_) => "Channel(await third)",
            State::Transport(..) => "Channel(transport)",
            State::Failed(_) => "Channel(failed)",
        })
    }
}

impl Handshake {
    fn new(role: Role, preface: Preface, identity: Identity, statics: &StaticKey, rng: Stream) -> Self {
        let resolver = Box::new(SeededResolver::new(rng));
        let builder = Builder::with_resolver(NOISE.parse().expect("a protocol that snow knows"), resolver)
            .prologue(preface.line())
            .and_then(|builder| builder.local_private_key(statics.secret()))
            .expect("each parameter is set once");
        let noise = match role {
            Role::Dialler => builder.build_initiator(),
            Role::Acceptor => builder.build_responder(),
        };
        let noise = Box::new(noise.expect("the resolver has every primitive of the protocol"));
        Self { noise, identity, statics: statics.public() }
    }

    /// What this end's identity key says about this channel. The hash is the one before the message is written.
    fn binding(&self, role: Role) -> [u8; BINDING_BYTES] {
        binding::encode(&self.identity, role, self.noise.get_handshake_hash(), &self.statics)
    }

    /// Appends one framed handshake message of `length` bytes.
    fn write(&mut self, payload: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        // One tag more than the message: snow wants room for one even where it seals nothing.
        let mut message = [0; SECOND_BYTES + TAG_BYTES];
        let written = self.noise.write_message(payload, &mut message).map_err(|_| Fault::Handshake)?;
        debug_assert_eq!(written, length, "handshake messages have fixed lengths");
        frame::encode(out, |out| out.extend_from_slice(&message[..written]));
        Ok(())
    }

    /// Reads one handshake message with a payload of `N` bytes.
    fn read<const N: usize>(&mut self, message: &[u8]) -> Result<[u8; N], Fault> {
        let mut payload = [0; SECOND_BYTES];
        let length = self.noise.read_message(message, &mut payload).map_err(|_| Fault::Handshake)?;
        payload[..length].try_into().map_err(|_| Fault::Handshake)
    }

    /// Reads message 2 or 3 and checks who sent it.
    fn read_identity(&mut self, message: &[u8], role: Role) -> Result<Key, Fault> {
        let hash: [u8; 32] = self.noise.get_handshake_hash().try_into().map_err(|_| Fault::Handshake)?;
        let payload = self.read::<BINDING_BYTES>(message)?;
        let statics = self.noise.get_remote_static().ok_or(Fault::Handshake)?;
        let key = binding::decode(&payload, role, &hash, statics).ok_or(Fault::BadIdentity)?;
        if key == self.identity.key() { Err(Fault::Oneself) } else { Ok(key) }
    }
}
