//! Where words end, 64 bytes at a time.

/// Notes where `marks` are, of blocks of 64 bytes; then, eight times, that there are no more.
#[inline(always)]
pub(crate) fn index(data: &[u8], out: &mut Vec<u32>, marks: impl Fn(&[u8; 64]) -> u64) {
    // Room for every byte to be a mark, so that nothing is checked on the way; it is kept.
    out.resize((data.len() + 3 * 64).max(out.len()), 0);
    let (blocks, rest) = data.as_chunks::<64>();
    let mut last = [b'.'; 64];
    last[..rest.len()].copy_from_slice(rest);
    let mut count = 0;
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let (base, mut mask) = (number as u32 * 64, marks(block));
        let here = mask.count_ones() as usize;
        let room = out[count..].first_chunk_mut::<64>().unwrap();
        let mut note = |places: &mut [u32]| {
            for place in places {
                *place = base + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
            }
        };
        // Most blocks have few marks: these are written whether they are there or not.
        note(&mut room[..12]);
        if here > 12 {
            note(&mut room[12..24]);
        }
        if here > 24 {
            note(&mut room[24..here]);
        }
        count += here;
    }
    out[count..count + 8].fill(u32::MAX);
}

/// The bytes of a block that are spaces or controls.
#[inline(always)]
pub(crate) fn space_marks(block: &[u8; 64]) -> u64 {
    marks(block, |byte| byte <= b' ')
}

/// A bit for each byte of a block.
#[inline(always)]
fn marks(block: &[u8; 64], test: impl Fn(u8) -> bool) -> u64 {
    // The compiler makes vectors of this.
    let mut found = [0u8; 64];
    for (found, byte) in found.iter_mut().zip(block) {
        *found = u8::from(test(*byte));
    }
    // The product has the lowest bits of eight bytes side by side in its highest byte.
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    found.as_chunks().0.iter().rev().fold(0, |mask, word| mask << 8 | bits(word))
}
