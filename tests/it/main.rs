//! Whole-feature tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Tests of real processes use signals.
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod crash;
mod differential;
mod kinesis;
mod log;
#[cfg(target_os = "linux")]
mod memory;
// These use signals, too.
#[cfg(unix)]
mod objects;
mod outside;
#[cfg(unix)]
mod process;
mod random;
mod state;
mod watch;

/// Where random parts begin: 0, or the number in `MILLSTREAM_SEED`. The gate sets it to the day; a failure is seen again
/// with the same number.
fn seed() -> u64 {
    let seed = std::env::var("MILLSTREAM_SEED").map_or(0, |seed| seed.parse().expect("MILLSTREAM_SEED is a number"));
    println!("MILLSTREAM_SEED={seed}");
    seed
}

/// Whether the full counts are asked for, with `MILLSTREAM_LONG=1`.
fn is_long() -> bool {
    std::env::var("MILLSTREAM_LONG").is_ok_and(|long| long == "1")
}
