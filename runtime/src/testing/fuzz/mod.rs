//! Fuzzing of what reads foreign bytes, in stable Rust: a target is run over inputs that are made of seeds by mutation, and an
//! input that makes the target behave as none before is mutated further.
//!
//! There is no instrumented compiler behind it: what counts as behaviour is what a target gives back, such as the code of a
//! fault. `MILLSTREAM_FUZZ=1200` runs every target for so many seconds, and `MILLSTREAM_LONG=1` for twenty minutes.

mod tests;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::clock;

/// Runs of a target where no time is asked for.
const RUNS: u64 = 20_000;
/// The longest input.
const LONGEST: usize = 4_096;
/// Inputs that are kept to be mutated.
const KEPT: usize = 4_096;

/// Runs `target` over mutations of `seeds`, with `words` put in here and there. What it gives is how it behaved.
pub(crate) fn fuzz<B: Hash>(name: &str, seeds: &[&[u8]], words: &[&[u8]], mut target: impl FnMut(&[u8]) -> B) {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let long = number("MILLSTREAM_LONG").filter(|long| *long == 1).map(|_| 1_200);
    let time = number("MILLSTREAM_FUZZ").or(long).map(Duration::from_secs);
    let begin = number("MILLSTREAM_SEED").unwrap_or(0);
    let mut random = Random(begin ^ hash(name));
    let mut inputs: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    let (mut seen, mut runs, begun) = (HashSet::new(), 0, clock::monotonic());
    let goes_on = |runs: u64| match time {
        Some(time) => !runs.is_multiple_of(64) || begun.elapsed() < time,
        None => runs < RUNS,
    };
    while goes_on(runs) {
        // First the seeds as they are.
        let input = match inputs.get(runs as usize) {
            Some(seed) if (runs as usize) < seeds.len() => seed.clone(),
            _ => mutated(&inputs, words, &mut random),
        };
        runs += 1;
        let behaviour = catch_unwind(AssertUnwindSafe(|| target(&input))).unwrap_or_else(|panic| {
            println!("{name}, MILLSTREAM_SEED={begin}, run {runs}: b\"{}\"", input.escape_ascii());
            resume_unwind(panic)
        });
        if seen.insert(hash(&behaviour)) && inputs.len() < KEPT {
            inputs.push(input);
        }
    }
    println!("{name}: {runs} runs, {} behaviours, in {:.1?}", seen.len(), begun.elapsed());
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// SplitMix64, by Guy L. Steele, Doug Lea and Christine H. Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) as usize % limit.max(1)
    }

    /// A part of something that is so long.
    fn part(&mut self, len: usize) -> std::ops::Range<usize> {
        let (one, other) = (self.below(len + 1), self.below(len + 1));
        one.min(other)..one.max(other)
    }
}

/// One of the inputs with one to eight changes.
fn mutated(inputs: &[Vec<u8>], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let any = |random: &mut Random| inputs.get(random.below(inputs.len())).map_or(&[][..], Vec::as_slice);
    let mut bytes = any(random).to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => bytes.insert(at, random.below(256) as u8),
            3 => drop(bytes.drain(random.part(bytes.len()))),
            // Lengths and counts at their limits.
            4 => {
                let limits = [0, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, i64::MAX as u64, u64::MAX];
                let number = limits[random.below(limits.len())].to_le_bytes();
                let end = (at + [1, 2, 4, 8][random.below(4)]).min(bytes.len());
                bytes.splice(at..end, number[..end - at].iter().copied());
            }
            5 => {
                let again = bytes[random.part(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let other = any(random);
                let part = other[random.part(other.len())].to_vec();
                bytes.splice(at..at, part);
            }
            7 if !words.is_empty() => {
                bytes.splice(at..at, words[random.below(words.len())].iter().copied());
            }
            _ => bytes.truncate(at),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
