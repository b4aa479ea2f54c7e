//! Who someone is: an Ed25519 key. Each use of it signs under a context string of its own.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a signature is for. It stands in front of the signed bytes, so that none serves for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The identity of one end of a channel (PROTOCOL.md, "Channel").
    Channel,
    /// An entry of a room's log (PROTOCOL.md, "Entries").
    Entry,
}

impl Context {
    /// The context string.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Channel => b"papo/1 channel identity\n",
            Self::Entry => b"papo/1 room entry\n",
        }
    }
}

/// The public half of an identity: 32 bytes. Any 32 bytes can stand here; [`Key::verify`] refuses what is no key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(#[serde(with = "crate::hex::array")] pub [u8; 32]);

impl Key {
    /// Whether `signature` is this key's over `message` in `context` (strict verification: no small-order keys).
    #[must_use]
    pub fn verify(&self, context: Context, message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(&[context.bytes(), message].concat(), &signature).is_ok()
    }

    /// The key from its fingerprint: 64 hexadecimal digits.
    #[must_use]
    pub fn from_fingerprint(text: &str) -> Option<Self> {
        crate::hex::decode(text)?.try_into().ok().map(Self)
    }

    /// The first 8 digits of the fingerprint, to tell apart two who use one name.
    #[must_use]
    pub fn short(&self) -> String {
        crate::hex::encode(&self.0[..4])
    }
}

/// The fingerprint: 64 lowercase hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

/// A whole identity. Its secret never appears in `Debug`.
#[derive(Clone)]
pub struct Identity {
    signing: SigningKey,
}

impl Identity {
    /// The identity of a 32-byte Ed25519 secret (RFC 8032).
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self { signing: SigningKey::from_bytes(secret) }
    }

    /// Its public half.
    #[must_use]
    pub fn key(&self) -> Key {
        Key(self.signing.verifying_key().to_bytes())
    }

    /// Signs `message` in `context`.
    #[must_use]
    pub fn sign(&self, context: Context, message: &[u8]) -> [u8; 64] {
        self.signing.sign(&[context.bytes(), message].concat()).to_bytes()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.key().short())
    }
}

/// Serialized as its secret, in recordings only.
impl Serialize for Identity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::hex::array::serialize(&self.signing.to_bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::hex::array::deserialize(deserializer).map(|secret| Self::from_secret(&secret))
    }
}

/// The 60 digits by which two people verify each other, the same on both sides:
/// SHA-256(context ‖ lower key ‖ higher key) mod 10^60, in twelve groups of five.
#[must_use]
pub fn verification_digits(one: &Key, other: &Key) -> String {
    let (lower, higher) = if one <= other { (one, other) } else { (other, one) };
    let mut hash = Sha256::new();
    hash.update(b"papo/1 verification\n");
    hash.update(lower.0);
    hash.update(higher.0);
    // Long division by ten, sixty times: each remainder is the next digit from the right.
    let mut number: [u8; 32] = hash.finalize().into();
    let mut digits = [b'0'; 60];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u16;
        for byte in &mut number {
            let value = remainder << 8 | u16::from(*byte);
            *byte = (value / 10) as u8;
            remainder = value % 10;
        }
        *digit += remainder as u8;
    }
    digits.chunks(5).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_message_and_context_only() {
        let identity = Identity::from_secret(&[1; 32]);
        let signature = identity.sign(Context::Entry, b"said");
        assert!(identity.key().verify(Context::Entry, b"said", &signature));
        assert!(!identity.key().verify(Context::Channel, b"said", &signature));
        assert!(!identity.key().verify(Context::Entry, b"Said", &signature));
        assert!(!Identity::from_secret(&[2; 32]).key().verify(Context::Entry, b"said", &signature));
        assert!(!Key([0; 32]).verify(Context::Entry, b"said", &signature));
    }

    #[test]
    fn verification_digits_are_the_same_on_both_sides_and_are_the_hash_modulo_ten_to_the_sixty() {
        let (one, other) = (Key([1; 32]), Key([2; 32]));
        let digits = verification_digits(&one, &other);
        assert_eq!(digits, verification_digits(&other, &one));
        assert_eq!(digits, "32626 70117 97795 62949 77402 76412 60092 52244 95801 83756 94651 92195");
        assert_ne!(digits, verification_digits(&one, &Key([3; 32])));
    }

    #[test]
    fn a_fingerprint_names_the_whole_key() {
        let key = Identity::from_secret(&[1; 32]).key();
        assert_eq!(Key::from_fingerprint(&key.to_string()), Some(key));
        assert_eq!(Key::from_fingerprint(&key.to_string()[..62]), None);
        assert!(key.to_string().starts_with(&key.short()));
    }
}
