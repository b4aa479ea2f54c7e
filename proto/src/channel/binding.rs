//! How an identity key vouches for a channel: it signs the handshake so far and its owner's static key.
//!
//! The signature holds for one role (so that nobody can reflect it), for one handshake (its hash covers the preface
//! and the dialler's fresh key), and for one static key, of which only its owner can finish the handshake. It travels
//! sealed, in the payloads of messages 2 and 3.

use crate::identity::{Context, Identity, Key};

/// An identity key and its signature.
pub const BINDING_BYTES: usize = 32 + 64;

/// Which end of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It opened the connection.
    Dialler,
    /// It took it.
    Acceptor,
}

impl Role {
    /// What stands for it in the signed bytes.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Dialler => b"dialler\n",
            Self::Acceptor => b"acceptor\n",
        }
    }
}

/// What is signed, behind the context: role ‖ handshake hash ‖ the signer's X25519 static public key.
fn signed(role: Role, handshake_hash: &[u8], statics: &[u8]) -> Vec<u8> {
    debug_assert_eq!((handshake_hash.len(), statics.len()), (32, 32), "lengths are fixed, so the parts can't shift");
    [role.bytes(), handshake_hash, statics].concat()
}

/// The payload of message 2 or 3. The hash is the one before that message.
#[must_use]
pub fn encode(identity: &Identity, role: Role, handshake_hash: &[u8], statics: &[u8]) -> [u8; BINDING_BYTES] {
    let mut payload = [0; BINDING_BYTES];
    payload[..32].copy_from_slice(&identity.key().0);
    payload[32..].copy_from_slice(&identity.sign(Context::Channel, &signed(role, handshake_hash, statics)));
    payload
}

/// Whose payload it is; `None` when that key did not sign it for this role, handshake and static key.
#[must_use]
pub fn decode(payload: &[u8; BINDING_BYTES], role: Role, handshake_hash: &[u8], statics: &[u8]) -> Option<Key> {
    let (key, signature) = payload.split_first_chunk::<32>()?;
    let key = Key(*key);
    let signature = signature.try_into().ok()?;
    key.verify(Context::Channel, &signed(role, handshake_hash, statics), signature).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_holds_for_one_role_one_handshake_and_one_static_key() {
        let identity = Identity::from_secret(&[1; 32]);
        let payload = encode(&identity, Role::Dialler, &[2; 32], &[3; 32]);
        assert_eq!(decode(&payload, Role::Dialler, &[2; 32], &[3; 32]), Some(identity.key()));
        assert_eq!(decode(&payload, Role::Acceptor, &[2; 32], &[3; 32]), None, "reflected");
        assert_eq!(decode(&payload, Role::Dialler, &[9; 32], &[3; 32]), None, "of another handshake");
        assert_eq!(decode(&payload, Role::Dialler, &[2; 32], &[9; 32]), None, "with another static key");
        let mut anothers = payload;
        anothers[..32].copy_from_slice(&Identity::from_secret(&[4; 32]).key().0);
        assert_eq!(decode(&anothers, Role::Dialler, &[2; 32], &[3; 32]), None, "under another name");
    }
}
