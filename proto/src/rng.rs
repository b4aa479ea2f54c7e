//! Randomness, derived: a draw in one place changes nothing in another.
//!
//! A machine is given one [`Seed`] at its start and takes from it a separate ChaCha20 stream for each use, named by a
//! label and a number. The algorithm is named because a recording must replay on every later version.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Separates these derivations from every other use of SHA-256.
const CONTEXT: &[u8] = b"papo/1 stream\n";

/// The 32 bytes from which everything random in a machine follows. Whoever has them can predict its keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(#[serde(with = "crate::hex::array")] pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl Seed {
    /// The stream for one use: ChaCha20 keyed with SHA-256(context ‖ seed ‖ length of label ‖ label ‖ id).
    #[must_use]
    pub fn stream(&self, label: &str, id: u64) -> Stream {
        let mut hash = Sha256::new();
        hash.update(CONTEXT);
        hash.update(self.0);
        hash.update((label.len() as u64).to_be_bytes());
        hash.update(label.as_bytes());
        hash.update(id.to_be_bytes());
        Stream(ChaCha20Rng::from_seed(hash.finalize().into()))
    }
}

/// One deterministic stream of random bytes.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A random number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0.0..1.0`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A wait drawn from the upper half of `wait`, so that those who start together do not stay together.
    pub fn jittered(&mut self, wait: Duration) -> Duration {
        wait / 2 + (wait / 2).mul_f64(self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_label_and_id_and_on_nothing_else() {
        let seed = Seed([7; 32]);
        let first = seed.stream("ping", 1).bytes::<16>();
        assert_eq!(first, seed.stream("ping", 1).bytes::<16>());
        assert_ne!(first, seed.stream("ping", 2).bytes::<16>());
        assert_ne!(first, seed.stream("pin", 1).bytes::<16>());
        assert_ne!(first, Seed([8; 32]).stream("ping", 1).bytes::<16>());
    }

    #[test]
    fn the_algorithm_is_pinned_because_recordings_depend_on_it() {
        assert_eq!(crate::hex::encode(&Seed([0; 32]).stream("golden", 0).bytes::<8>()), "a1a79975d2f9f0c9");
    }

    #[test]
    fn a_jittered_wait_lies_in_its_upper_half() {
        let mut stream = Seed([1; 32]).stream("jitter", 0);
        for _ in 0..1000 {
            let wait = stream.jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&wait));
        }
    }
}
