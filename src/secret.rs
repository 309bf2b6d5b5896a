//! What must not be guessed: keys, the hashes they make, and numbers drawn from them.
//!
//! Everything is derived from one [`Secret`] that comes in as an argument, so that a simulation can replay a
//! server bit by bit while a real one draws its secret from the operating system. The only place that names
//! `siphasher`.

use std::hash::{BuildHasher, Hasher as _};

use siphasher::sip::{SipHasher13, SipHasher24};
use siphasher::sip128::{Hasher128 as _, SipHasher24 as Sip128};

/// A 128-bit key.
///
/// Derive one key per purpose with [`Secret::derive`]; then use it for one of: [`Secret::mac`],
/// [`Secret::number`], [`Secret::hash_state`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    k0: u64,
    k1: u64,
}

impl Secret {
    /// A key from 16 random bytes (or, in a test, from a printed seed).
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let (low, high) = bytes.split_at(8);
        Self { k0: u64_from(low), k1: u64_from(high) }
    }

    /// A key for tests and simulations: the same number gives the same key.
    pub fn from_seed(seed: u64) -> Self {
        Self { k0: seed, k1: 0 }.derive("seed")
    }

    /// The key for one purpose, named by `label`. Knowing it tells nothing about its parent.
    pub fn derive(&self, label: &str) -> Self {
        let [k0, k1] = self.mac(label.as_bytes());
        Self { k0, k1 }
    }

    /// A message authentication code: SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012).
    pub fn mac(&self, bytes: &[u8]) -> [u64; 2] {
        let mut hasher = Sip128::new_with_keys(self.k0, self.k1);
        hasher.write(bytes);
        let code = hasher.finish128();
        [code.h1, code.h2]
    }

    /// The `index`-th number of the key's stream: 64 bits that nobody without the key can predict.
    pub fn number(&self, index: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        hasher.write(&index.to_le_bytes());
        hasher.finish()
    }

    /// A keyed state for hash maps whose keys an attacker chooses.
    pub fn hash_state(&self) -> HashState {
        HashState(*self)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Builds SipHash-1-3 hashers, as the standard library's maps do, but with a key of our choosing.
#[derive(Clone, Copy, Debug)]
pub struct HashState(Secret);

impl BuildHasher for HashState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0.k0, self.0.k1)
    }
}

fn u64_from(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_draws_the_same_numbers_and_another_does_not() {
        let (one, two) = (Secret::from_seed(1), Secret::from_seed(2));
        assert_eq!(one.number(7), Secret::from_seed(1).number(7));
        assert_ne!(one.number(7), two.number(7));
        assert_ne!(one.number(7), one.number(8));
        assert_ne!(one.derive("a").number(7), one.derive("b").number(7));
    }

    #[test]
    fn a_mac_depends_on_every_bit() {
        let key = Secret::from_seed(3);
        let whole = key.mac(b"tickcast");
        assert_ne!(whole, key.mac(b"tickcasu"));
        assert_ne!(whole, key.mac(b"tickcast\0"));
    }
}
