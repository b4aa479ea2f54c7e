//! The primitives of a channel: ring's cipher and hash, X25519 that refuses all-zero secrets, and randomness from
//! a derived stream, so that a replayed machine says the same bytes.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use snow::{
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver, RingResolver},
    types::{Cipher, Dh, Hash, Random},
};
use zeroize::Zeroizing;

use super::TAG_BYTES;
use crate::{pieces, rng::Stream};

/// The X25519 static key of this process. It is drawn at each start and vouched for by the identity key.
#[derive(Clone)]
pub struct StaticKey {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl StaticKey {
    /// A fresh one.
    #[must_use]
    pub fn draw(rng: &mut Stream) -> Self {
        let secret = Zeroizing::new(rng.bytes());
        let mut dh = curve25519();
        dh.set(&*secret);
        let public = dh.pubkey().try_into().expect("X25519 keys have 32 bytes");
        Self { secret, public }
    }

    /// Its public half.
    #[must_use]
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }

    pub(super) fn secret(&self) -> &[u8] {
        &*self.secret
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKey(secret)")
    }
}

fn curve25519() -> Box<dyn Dh> {
    DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow is built with it")
}

/// Resolves for one handshake.
pub(super) struct SeededResolver {
    rng: Stream,
}

impl SeededResolver {
    pub(super) const fn new(rng: Stream) -> Self {
        Self { rng }
    }
}

impl CryptoResolver for SeededResolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        // Asked for once in a handshake, so nothing is drawn twice.
        Some(Box::new(StreamRandom(self.rng.clone())))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(StrictDh(curve25519()))),
            DHChoice::Curve448 => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        RingResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::ChaChaPoly => Some(Box::new(ChaChaPoly::of(&[0; 32]))),
            CipherChoice::AESGCM => None,
        }
    }
}

/// RFC 8439 with the nonces of Noise (section 12.3). That of snow is the same, but for how it copies what is long (see
/// [`pieces`]).
struct ChaChaPoly(LessSafeKey);

impl ChaChaPoly {
    fn of(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("its keys have 32 bytes")))
    }

    fn nonce(count: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&count.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        *self = Self::of(key);
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (sealed, rest) = out.split_at_mut(plaintext.len());
        pieces::copy(sealed, plaintext);
        let tag = self.0.seal_in_place_separate_tag(Self::nonce(nonce), Aad::from(authtext), sealed);
        rest[..TAG_BYTES].copy_from_slice(tag.expect("messages are bounded far below the cipher's limit").as_ref());
        plaintext.len() + TAG_BYTES
    }

    fn decrypt(&self, nonce: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, snow::Error> {
        let (sealed, tag) = ciphertext.split_last_chunk::<TAG_BYTES>().ok_or(snow::Error::Decrypt)?;
        let opened = out.get_mut(..sealed.len()).ok_or(snow::Error::Decrypt)?;
        pieces::copy(opened, sealed);
        self.0
            .open_in_place_separate_tag(Self::nonce(nonce), Aad::from(authtext), Tag::from(*tag), opened, 0..)
            .map_err(|_| snow::Error::Decrypt)?;
        Ok(sealed.len())
    }
}

struct StreamRandom(Stream);

impl Random for StreamRandom {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

/// X25519 as RFC 7748, section 6.1 has it: a shared secret of zeros comes from a point of small order, and is refused.
struct StrictDh(Box<dyn Dh>);

impl Dh for StrictDh {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.pubkey()
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(pubkey, out)?;
        // Every byte is looked at, whatever the first ones are.
        let any = out[..self.0.dh_len()].iter().fold(0, |any, byte| any | byte);
        if any == 0 { Err(snow::Error::Dh) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn points_of_small_order_are_refused_and_others_are_not() {
        let mut dh = StrictDh(curve25519());
        dh.set(&[7; 32]);
        let small_order = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for point in small_order {
            let point = crate::hex::decode(point).expect("hexadecimal");
            assert_eq!(dh.dh(&point, &mut [0; 32]), Err(snow::Error::Dh));
        }
        assert_eq!(dh.dh(&[9; 32], &mut [0; 32]), Ok(()));
    }

    #[test]
    fn a_static_key_follows_from_its_stream_and_does_not_show_itself() {
        let draw = |id| StaticKey::draw(&mut Seed([1; 32]).stream("static", id));
        assert_eq!(draw(0).public(), draw(0).public());
        assert_ne!(draw(0).public(), draw(1).public());
        assert_eq!(format!("{:?}", draw(0)), "StaticKey(secret)");
    }
}
