//! Secrets: made from the machine's randomness, compared in a time that tells nothing.

use aws_lc_rs::{constant_time, rand};

/// So many random bytes.
pub fn random_bytes<const BYTES: usize>() -> std::io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| std::io::Error::other("the machine has no randomness"))?;
    Ok(bytes)
}

/// So many random bytes, as hexadecimal digits.
pub fn random<const BYTES: usize>() -> std::io::Result<String> {
    random_bytes::<BYTES>().map(hex::encode)
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub fn is_equal(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
