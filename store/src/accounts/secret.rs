//! Random secrets and the hashes that are kept of them.

use sha2::{Digest as _, Sha256};

use crate::Fault;

/// Bytes from the system's random source.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Randomness(error.to_string()))?;
    Ok(bytes)
}

/// `N` random bytes as lower-case hexadecimal text.
pub fn random_hex<const N: usize>() -> Result<String, Fault> {
    Ok(hex::encode(random_bytes::<N>()?))
}

/// Eighty random bits as people can type them: four groups of five hexadecimal digits. For first
/// passwords and recovery codes.
pub fn random_grouped() -> Result<String, Fault> {
    let digits = random_hex::<10>()?;
    let groups: Vec<&str> = (0..4).filter_map(|n| digits.get(n * 5..n * 5 + 5)).collect();
    Ok(groups.join("-"))
}

/// What is kept of a secret with eighty random bits or more: a plain hash is enough, there is
/// nothing to guess.
pub(super) fn hash_of(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
