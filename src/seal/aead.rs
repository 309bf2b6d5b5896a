//! The ciphers: AES-256-GCM, HKDF-SHA256 and HMAC-SHA256, each in one function.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use ring::{digest, hkdf, hmac};

use crate::wire::SEAL_TAG_BYTES;

/// Length of every key here, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// A key for AES-256-GCM. With one key, every nonce is used for one plaintext at the most: the callers see to that.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 has keys of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `body` in its place, and authenticates it together with `clear`.
    pub(super) fn seal(&self, sequence: u64, clear: &[u8], body: &mut [u8]) -> [u8; SEAL_TAG_BYTES] {
        let tag = self.0.seal_in_place_separate_tag(nonce(sequence), Aad::from(clear), body);
        let tag = tag.expect("no datagram is near the 64 GB that the cipher is good for");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    /// Decrypts `body` in its place. False if it, `clear`, the tag or the sequence is not what was sealed.
    pub(super) fn open(
        &self,
        sequence: u64,
        clear: &[u8],
        body: &mut [u8],
        tag: [u8; SEAL_TAG_BYTES],
    ) -> bool {
        let tag = Tag::from(tag);
        self.0.open_in_place_separate_tag(nonce(sequence), Aad::from(clear), tag, body, 0..).is_ok()
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(..)")
    }
}

/// Four bytes of zeros, and the sequence.
fn nonce(sequence: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[4..].copy_from_slice(&sequence.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// The key for one purpose (HKDF-SHA256, RFC 5869), named by `info`.
pub(super) fn derive(key: &[u8; KEY_BYTES], salt: &[u8], info: &str) -> [u8; KEY_BYTES] {
    let mut derived = [0; KEY_BYTES];
    let drawn_out = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    let info = [info.as_bytes()];
    let expanded = drawn_out.expand(&info, KeyLength).and_then(|stream| stream.fill(&mut derived));
    expanded.expect("32 bytes are far less than HKDF gives");
    derived
}

/// HMAC-SHA256 of `bytes`.
pub(super) fn authenticate(key: &[u8; KEY_BYTES], bytes: &[u8]) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes);
    tag.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// Whether `tag` is the HMAC-SHA256 of `bytes`; in the same time, whatever is wrong with it.
pub(super) fn is_authentic(key: &[u8; KEY_BYTES], bytes: &[u8], tag: &[u8; KEY_BYTES]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes, tag).is_ok()
}

/// The first 8 bytes of SHA-256, as a number.
pub(super) fn number_of(bytes: &[u8]) -> u64 {
    let hash = digest::digest(&digest::SHA256, bytes);
    first_number(hash.as_ref())
}

/// The first 8 bytes, as a number.
pub(super) fn first_number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
