//! The changed-path filters of a commit-graph: by them git skips commits that do not change a path, without looking.

/// How the filters of one file were made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The first version took bytes of text for signed numbers.
    has_signed_bytes: bool,
    hashes: u32,
}

impl Settings {
    /// Before the filters stand three numbers: version, hashes a path, bits a path.
    pub(super) const LEN: usize = 12;

    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let (version, rest) = data.split_first_chunk::<4>()?;
        let version = u32::from_be_bytes(*version);
        let hashes = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        (data.len() >= Self::LEN && matches!(version, 1 | 2)).then_some(Self {
            has_signed_bytes: version == 1,
            hashes,
        })
    }
}

/// The filter of one commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) settings: Settings,
    pub(super) bits: &'a [u8],
}

impl Filter<'_> {
    /// Whether git would look at the commit when it is asked for this path.
    pub(super) fn may_hold(&self, path: &[u8]) -> bool {
        const SEEDS: (u32, u32) = (0x293a_e76f, 0x7e64_6e2c);
        let signed = self.settings.has_signed_bytes;
        let (first, step) = (
            murmur3(SEEDS.0, path, signed),
            murmur3(SEEDS.1, path, signed),
        );
        (0..self.settings.hashes).all(|turn| {
            let hash = first.wrapping_add(turn.wrapping_mul(step));
            let Some(bit) = usize::try_from(hash)
                .ok()
                .and_then(|hash| hash.checked_rem(self.bits.len() * 8))
            else {
                return false;
            };
            self.bits
                .get(bit / 8)
                .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
        })
    }
}

/// The hash that git takes for paths, with a seed.
fn murmur3(seed: u32, text: &[u8], has_signed_bytes: bool) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let wide = |byte: u8| {
        if has_signed_bytes {
            i32::from(byte.cast_signed()).cast_unsigned()
        } else {
            u32::from(byte)
        }
    };
    let mix = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = seed;
    let (words, tail) = text.as_chunks::<4>();
    for [a, b, c, d] in words.iter().copied() {
        let word = wide(a) | wide(b) << 8 | wide(c) << 16 | wide(d) << 24;
        hash = (hash ^ mix(word)).rotate_left(13);
        hash = hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let mut rest = 0;
    for (place, byte) in (0u32..).zip(tail) {
        rest ^= wide(*byte) << (8 * place);
    }
    hash ^= mix(rest);
    hash ^= u32::try_from(text.len()).unwrap_or(u32::MAX);
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are from git's own test (`t0095-bloom.sh`).
    #[test]
    fn paths_are_hashed_as_git_does() {
        assert_eq!(murmur3(0, b"", false), 0);
        assert_eq!(murmur3(0, b"Hello world!", false), 0x627b_0c2c);
        let pangram = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(murmur3(0, pangram, false), 0x2e4f_f723);
        let high = b"\x99\xaa\xbb\xcc\xdd\xee\xff";
        assert_eq!(murmur3(0, high, false), 0xa183_ccfd);
    }
}
