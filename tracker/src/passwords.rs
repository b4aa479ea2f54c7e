//! Passwords: Argon2id of the SHA-256 that clients send, kept as PHC strings.
//!
//! The parameters are OWASP's: 19 MiB, two passes, one lane. A kept string names its own, so they can be raised later.
//!
//! Invariant: a worker allocates Argon2's memory once and keeps it. An allocator that is asked for 19 MiB a hundred
//! times a second by several threads may keep hundreds of them.

use std::cell::RefCell;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use papo_proto::machine::{PasswordCheck, PasswordOutcome};

/// Memory, in KiB, which are Argon2's blocks.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Of the salt of [`dummy`].
const SALT_BYTES: usize = 16;

thread_local! {
    /// A worker's memory.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Argon2 refuses to work.
#[derive(Debug, thiserror::Error)]
#[error("Argon2 refuses: {0}")]
pub struct Unusable(String);

/// Answers a tracker's question. Takes about 15 ms of one core and 19 MiB; runs on a worker.
#[must_use]
pub fn check(check: &PasswordCheck) -> PasswordOutcome {
    MEMORY.with_borrow_mut(|memory| match check {
        PasswordCheck::Verify { verifier, password } => match is_match(verifier, password, memory) {
            Ok(true) => PasswordOutcome::Matched,
            Ok(false) => PasswordOutcome::Mismatched,
            Err(error) => {
                log::error!("a password could not be checked: {error}");
                PasswordOutcome::Mismatched
            }
        },
        PasswordCheck::Create { password, salt } => match create(password, salt, memory) {
            Ok(verifier) => PasswordOutcome::Created(verifier),
            Err(error) => {
                log::error!("a password could not be hashed: {error}");
                PasswordOutcome::Mismatched
            }
        },
    })
}

/// A verifier that no password matches that anyone could send: made of 32 random bytes, which are forgotten.
///
/// # Errors
/// When Argon2 does not work here.
pub fn dummy(random: [u8; 32]) -> Result<String, Unusable> {
    create(&random, &random[..SALT_BYTES], &mut Vec::new())
}

fn create(password: &[u8], salt: &[u8], memory: &mut Vec<Block>) -> Result<String, Unusable> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN)).map_err(unusable)?;
    let verifier = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(unusable)?,
        salt: Some(Salt::new(salt).map_err(unusable)?),
        hash: Some(hash(Algorithm::Argon2id, Version::V0x13, params, password, salt, memory)?),
    };
    Ok(verifier.to_string())
}

fn is_match(verifier: &str, password: &[u8], memory: &mut Vec<Block>) -> Result<bool, Unusable> {
    let kept = PasswordHash::new(verifier).map_err(unusable)?;
    let (Some(salt), Some(expected)) = (&kept.salt, &kept.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(kept.algorithm.as_str()).map_err(unusable)?;
    let version = kept.version.map(Version::try_from).transpose().map_err(unusable)?.unwrap_or_default();
    let params = Params::try_from(&kept).map_err(unusable)?;
    // They are compared in constant time.
    Ok(hash(algorithm, version, params, password, salt, memory)? == *expected)
}

fn hash(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &[u8],
    salt: &[u8],
    memory: &mut Vec<Block>,
) -> Result<Output, Unusable> {
    let blocks = params.block_count();
    memory.try_reserve_exact(blocks.saturating_sub(memory.len())).map_err(unusable)?;
    memory.resize(blocks, Block::new());
    let mut out = [0; Output::MAX_LENGTH];
    let out = &mut out[..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password, salt, out, memory).map_err(unusable)?;
    Output::new(out).map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> Unusable {
    Unusable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_an_argon2id_string_that_its_password_alone_matches() {
        let PasswordOutcome::Created(verifier) = check(&PasswordCheck::Create { password: [1; 32], salt: [2; 16] })
        else {
            panic!("it was not made")
        };
        assert!(verifier.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{verifier}");
        let verify = |password| check(&PasswordCheck::Verify { verifier: verifier.clone(), password });
        assert_eq!((verify([1; 32]), verify([3; 32])), (PasswordOutcome::Matched, PasswordOutcome::Mismatched));
    }

    #[test]
    fn a_verifier_of_other_parameters_is_checked_by_its_own() {
        use argon2::PasswordHasher as _;
        let params = Params::new(64, 1, 1, Some(24)).expect("within Argon2's bounds");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let verifier = argon2.hash_password_with_salt(&[b'x'; 32], b"somesalt").expect("it is made").to_string();
        let verify = |password| check(&PasswordCheck::Verify { verifier: verifier.clone(), password });
        assert_eq!((verify([b'x'; 32]), verify([b'y'; 32])), (PasswordOutcome::Matched, PasswordOutcome::Mismatched));
        // And the worker's memory is as it has to be for the next one.
        a_verifier_is_an_argon2id_string_that_its_password_alone_matches();
    }

    #[test]
    fn a_worker_uses_the_same_memory_each_time() {
        let place = || MEMORY.with_borrow(|memory| (memory.as_ptr(), memory.len()));
        let _ = check(&PasswordCheck::Create { password: [1; 32], salt: [2; 16] });
        let first = place();
        assert_eq!(first.1, 19 * 1024);
        let _ = check(&PasswordCheck::Create { password: [3; 32], salt: [4; 16] });
        assert_eq!(place(), first);
    }

    #[test]
    fn what_is_no_verifier_matches_nothing() {
        for verifier in ["", "$argon2id$", "x"] {
            let check = check(&PasswordCheck::Verify { verifier: verifier.to_owned(), password: [0; 32] });
            assert_eq!(check, PasswordOutcome::Mismatched);
        }
    }

    #[test]
    fn the_verifier_of_nobody_costs_as_much_as_any_other() {
        let dummy = dummy([7; 32]).expect("it is made");
        assert!(dummy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{dummy}");
    }
}
