//! Starts an example with the features it needs; `examples/Cargo.toml` says why.

use std::process::{Command, exit};

const MANIFEST: &str = include_str!("../../Cargo.toml");

/// The names of the examples, each with its features.
fn examples() -> impl Iterator<Item = (&'static str, String)> {
    let value = |lines: &'static str, key: &str| {
        lines.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim))
    };
    MANIFEST.split("[[bin]]").skip(1).filter_map(move |lines| {
        let features = value(lines, "required-features").unwrap_or_default();
        Some((value(lines, "name")?.trim_matches('"'), features.replace(['[', ']', '"', ' '], "")))
    })
}

/// Runs the example `name` with its features and the arguments of this process, and ends as it does.
///
/// # Errors
/// There is no cargo.
pub fn run(name: &str) -> std::io::Result<()> {
    let features = examples().find(|(example, _)| *example == name).map(|(_, features)| features).unwrap_or_default();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    cargo.args(["--bin", name, "--features", &features]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.arg("--").args(std::env::args_os().skip(1));
    exit(cargo.status()?.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::examples;

    #[test]
    fn every_example_can_be_started() {
        assert_eq!(examples().next(), Some(("hello", String::new())));
        assert!(examples().any(|example| example == ("iot_to_parquet", "kinesis,parquet".to_owned())));
        for (name, _) in examples() {
            let launcher = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&launcher).unwrap_or_default();
            assert!(text.contains(&format!("run(\"{name}\")")), "{launcher} does not start {name}");
        }
    }
}
