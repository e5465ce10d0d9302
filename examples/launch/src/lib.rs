//! Starts an example with the features it needs; `examples/Cargo.toml` says why.

use std::process::{Command, exit};

/// Runs the example `name` with `features` and the arguments of this process, and ends as it does.
///
/// # Errors
/// There is no cargo.
pub fn run(name: &str, features: &str) -> std::io::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    cargo.args(["--bin", name, "--features", features]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.arg("--").args(std::env::args_os().skip(1));
    exit(cargo.status()?.code().unwrap_or(1))
}
