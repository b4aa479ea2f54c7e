//! Passwords: Argon2id of the SHA-256 that clients send, kept as PHC strings.
//!
//! The parameters are OWASP's: 19 MiB, two passes, one lane. A kept string names its own, so they can be raised later.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use papo_proto::machine::{PasswordCheck, PasswordOutcome};

/// Memory, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Of the salt of [`dummy`].
const SALT_BYTES: usize = 16;

/// Argon2 refuses to work.
#[derive(Debug, thiserror::Error)]
#[error("Argon2 refuses: {0}")]
pub struct Unusable(String);

/// Answers a tracker's question. Takes about 15 ms of one core and 19 MiB; runs on a worker.
#[must_use]
pub fn check(check: &PasswordCheck) -> PasswordOutcome {
    match check {
        PasswordCheck::Verify { verifier, password } => {
            match Argon2::default().verify_password(password, verifier.as_str()) {
                Ok(()) => PasswordOutcome::Matched,
                Err(_) => PasswordOutcome::Mismatched,
            }
        }
        PasswordCheck::Create { password, salt } => match create(password, salt) {
            Ok(verifier) => PasswordOutcome::Created(verifier),
            Err(error) => {
                log::error!("a password could not be hashed: {error}");
                PasswordOutcome::Mismatched
            }
        },
    }
}

/// A verifier that no password matches that anyone could send: made of 32 random bytes, which are forgotten.
///
/// # Errors
/// When Argon2 does not work here.
pub fn dummy(random: [u8; 32]) -> Result<String, Unusable> {
    create(&random, &random[..SALT_BYTES])
}

fn create(password: &[u8], salt: &[u8]) -> Result<String, Unusable> {
    let unusable = |error: &dyn std::fmt::Display| Unusable(error.to_string());
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| unusable(&error))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let verifier = argon2.hash_password_with_salt(password, salt).map_err(|error| unusable(&error))?;
    Ok(verifier.to_string())
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
