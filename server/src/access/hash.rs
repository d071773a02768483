//! Hashes of passwords that people chose (Argon2, RFC 9106): read with a bound on what they cost, and compared in memory
//! that its owner uses again.
//!
//! When they are compared, and how often, belongs to [`super::passwords`].

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most memory that a hash may take, in KiB: what RFC 9106 recommends for want of more, and other programs' hashes take.
const MOST_MEMORY: u32 = 64 << 10;

/// Most memory times passes, in KiB: some seconds of a small Pi's time.
const MOST_WORK: u64 = 4 * MOST_MEMORY as u64;

/// A PHC string.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

/// What a PHC string says.
struct Recipe {
    argon2: Argon2<'static>,
    salt: Salt,
    output: Output,
}

impl Recipe {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const BAD: &str = "this is not an Argon2 hash";
        let hash = PasswordHash::new(text).map_err(|_| BAD)?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| BAD)?;
        let version = hash
            .version
            .map_or(Ok(Version::default()), Version::try_from);
        let params = Params::try_from(&hash).map_err(|_| BAD)?;
        if params.m_cost() > MOST_MEMORY
            || u64::from(params.m_cost()) * u64::from(params.t_cost()) > MOST_WORK
        {
            return Err(
                "this Argon2 hash costs too much: m is 65536 at most, and m times t 262144",
            );
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(BAD);
        };
        Ok(Self {
            argon2: Argon2::new(algorithm, version.map_err(|_| BAD)?, params),
            salt,
            output,
        })
    }
}

impl Hash {
    /// Hashes a password with Argon2id's recommended cost: 19 MiB and two passes.
    pub(super) fn of(password: &str) -> std::io::Result<Self> {
        let hash = Argon2::default()
            .hash_password(password.as_bytes())
            .map_err(std::io::Error::other)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether that is the password. It takes long, on purpose. `blocks` grows to what it needs, and is overwritten.
    pub(super) fn is_of(&self, typed: &str, blocks: &mut Vec<Block>) -> bool {
        let Ok(Recipe {
            argon2,
            salt,
            output,
        }) = Recipe::parse(&self.0)
        else {
            return false;
        };
        let needed = argon2.params().block_count();
        if blocks.len() < needed {
            // Not beside the old ones.
            *blocks = Vec::new();
            if blocks.try_reserve_exact(needed).is_err() {
                tracing::error!(kib = needed, "not enough memory to check a password");
                return false;
            }
            blocks.resize(needed, Block::default());
        }
        let mut made = [0; Output::MAX_LENGTH];
        let made = &mut made[..output.len()];
        let typed = typed.as_bytes();
        let hashed =
            argon2.hash_password_into_with_memory(typed, &salt, made, blocks.as_mut_slice());
        // Compared in constant time.
        hashed.is_ok() && Output::new(made).is_ok_and(|made| made == output)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Recipe::parse(&text)?;
        Ok(Self(text))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &str) -> Result<Hash, &'static str> {
        // From the tests of the reference implementation: `password`, with m=65536,t=2,p=1.
        format!(
            "$argon2id$v=19${parameters}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        )
        .try_into()
    }

    #[test]
    fn a_hash_that_other_programs_made_is_checked_in_memory_that_is_used_again() {
        let hash = read("m=65536,t=2,p=1").unwrap();
        let mut blocks = Vec::new();
        assert!(hash.is_of("password", &mut blocks));
        let before = blocks.as_ptr();
        let own = Hash::of("correct horse").unwrap();
        assert!(own.is_of("correct horse", &mut blocks));
        assert!(!own.is_of("password", &mut blocks));
        assert!(!hash.is_of("passwort", &mut blocks));
        assert_eq!((blocks.as_ptr(), blocks.len()), (before, 65536));
    }

    #[test]
    fn a_hash_that_would_cost_too_much_or_is_none_is_refused_when_it_is_read() {
        assert!(read("m=65536,t=4,p=4").is_ok());
        for dear in [
            "m=65537,t=1,p=1",
            "m=4294967295,t=1,p=1",
            "m=65536,t=5,p=4",
            "m=8,t=4294967295,p=1",
        ] {
            assert!(read(dear).unwrap_err().contains("65536"), "{dear}");
        }
        for bad in [
            "m=0,t=1,p=1",
            "m=64,t=1,p=16777215",
            "m=64,t=0,p=1",
            "x=1",
            "m=-1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in [
            "",
            "hunter2",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$v=20$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$scrypt$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(Hash::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
