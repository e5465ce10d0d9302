//! What millstream is built of: licences, sources, one stack for TLS, and a lock file that holds.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What must not be among the dependencies, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "TLS is rustls"),
    ("openssl-sys", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
    ("hyper-tls", "TLS is rustls"),
    ("aws-lc-rs", "rustls does its cryptography by ring; two of them are twice as much to trust"),
    ("boring", "TLS is rustls"),
];

/// Crates of which there may be one version only.
const SINGLE: &[&str] =
    &["rustls", "ring", "tokio", "arrow", "parquet", "object_store", "serde", "hyper", "h2", "http"];

/// The packages that the lock file names, for all systems; those of other systems may have to be fetched first.
fn packages() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--all-features"]).current_dir(root);
    let said = cargo.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let metadata: Value = serde_json::from_slice(&said.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package[field].as_str().unwrap_or_default()
}

/// Whether a licence expression can be met by [`LICENCES`]: `OR` of `AND` of names, with parentheses. An exception, as in
/// `Apache-2.0 WITH LLVM-exception`, only allows more.
fn is_fine(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut fine = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        fine |= all_of(words, at);
    }
    fine
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut fine = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        fine &= one(words, at);
    }
    fine
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let fine = any_of(words, at);
        *at += 1;
        return fine;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    LICENCES.contains(word)
}

#[test]
fn an_expression_of_licences() {
    for fine in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT OR Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_fine(fine), "{fine}");
    }
    for not in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND LGPL-2.1", "MIT Apache-2.0"] {
        assert!(!is_fine(not), "{not}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_asks_for_no_more_than_to_be_named() {
    let packages = packages();
    assert!(packages.len() > 200, "{}", packages.len());
    let not_fine = packages.iter().filter(|package| !is_fine(text(package, "license")));
    let named: Vec<_> = not_fine.map(|package| format!("{}: {}", text(package, "name"), package["license"])).collect();
    assert!(named.is_empty(), "{named:#?}");
}

#[test]
fn every_dependency_is_of_the_registry() {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    // Those without a source are our own.
    let elsewhere = |source: &Value| source.as_str().is_some_and(|source| source != REGISTRY);
    let packages = packages();
    let named: Vec<_> = packages.iter().filter(|package| elsewhere(&package["source"])).collect();
    assert!(named.is_empty(), "{named:#?}");
    let own = packages.iter().filter(|package| package["source"].is_null());
    assert!(own.clone().count() > 4 && own.clone().all(|package| text(package, "name").starts_with("millstream")));
}

#[test]
fn what_is_banned_is_not_there_and_nothing_important_is_there_twice() {
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for package in packages() {
        *versions.entry(text(&package, "name").to_owned()).or_default() += 1;
    }
    let there: Vec<_> = BANNED.iter().filter(|(name, _)| versions.contains_key(*name)).collect();
    assert!(there.is_empty(), "{there:?}");
    let twice: Vec<_> = SINGLE.iter().filter(|name| versions.get(**name).is_some_and(|count| *count > 1)).collect();
    assert!(twice.is_empty(), "several versions of {twice:?}");
}
