//! Everything that the macros name of the runtime stands in the documentation of `millstream::expand`, as a link. That the
//! links lead somewhere rustdoc checks, that nothing there is hidden `tests/tidy.rs`.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use super::{texts, tokens};
use crate::emit::expand;
use crate::schema::derive;

/// Schemas that use every word of `#[stream(..)]`.
const SCHEMAS: &[&str] = &[
    r#"#[stream(rename_all = "camelCase", deny_unknown)] struct Reading {
        #[stream(event_time, format = epoch_ms)] ts: Timestamp,
        #[stream(default)] a: f64, #[stream(default = 1)] b: Other, #[stream(default = "c", rename = "d")] c: String,
    }"#,
    r"struct Plain { a: String, b: Vec<Point> }",
    r"enum Status { Ok, #[stream(other)] Unknown }",
    r"struct DeviceId(String);",
];

#[test]
fn every_path_is_documented() {
    let documented = documented();
    let mut written = BTreeSet::new();
    // Both of each: what is compiled and what editors see.
    texts().into_iter().map(expand).for_each(|expansion| paths(expansion, &mut written));
    // Half of it.
    paths(expand(tokens("from memory(x) | filter a > | decode json as T | sink")), &mut written);
    paths(
        expand(tokens("from memory(x) | decode json as T | select { a = {b} } as Out | sink s(partition_by = [a])")),
        &mut written,
    );
    paths(
        expand(tokens("from memory(x) | decode json as T | select { .., a = 1 + {b} } as Out | sink s")),
        &mut written,
    );
    SCHEMAS.iter().for_each(|schema| paths(derive(tokens(schema)), &mut written));
    assert!(written.len() > 60, "{written:?}");
    let known = |path: &str| {
        // A variant or a function of a type is documented with the type; what is Arrow's, by Arrow.
        let of_a_type = path.rsplit_once("::").filter(|(of, _)| {
            of.rsplit("::").next().is_some_and(|name| name.starts_with(char::is_uppercase)) && documented.contains(*of)
        });
        documented.contains(path) || of_a_type.is_some() || path.starts_with("millstream::schema::arrow::")
    };
    let missing: Vec<_> = written.iter().filter(|path| !known(path)).collect();
    assert!(missing.is_empty(), "runtime/src/expand.rs does not list {missing:#?}");
    let unused: Vec<_> = documented
        .iter()
        .filter(|path| !written.iter().any(|written| format!("{written}::").starts_with(&format!("{path}::"))))
        .collect();
    assert!(unused.is_empty(), "the macros do not write {unused:#?}, which runtime/src/expand.rs lists");
}

/// The links: ``[`millstream::schema::Row`](crate::schema::Row)``.
fn documented() -> BTreeSet<String> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/expand.rs");
    let text = std::fs::read_to_string(file).unwrap();
    let mut found = BTreeSet::new();
    for link in text.split("[`millstream::").skip(1) {
        let (path, rest) = link.split_once("`]").unwrap();
        // Without a target the text is what it leads to.
        if let Some(rest) = rest.strip_prefix('(') {
            let target = rest.split(')').next().unwrap().trim_start_matches("mod@");
            let local = path.strip_prefix("expand::").unwrap_or(path);
            assert!(
                target == format!("crate::{path}") || target.trim_end_matches('!') == local,
                "the link of `{path}` leads to `{target}`"
            );
        }
        found.insert(format!("millstream::{}", path.trim_end_matches('!')));
    }
    found
}

/// Every `::millstream::..` of an expansion, up to what is no part of the path.
fn paths(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon = |index: usize| tokens.get(index).is_some_and(|token| token.to_string() == ":");
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => paths(group.stream(), found),
            TokenTree::Ident(root) if root == "millstream" => {
                let mut path = root.to_string();
                let mut at = index + 1;
                while is_colon(at)
                    && is_colon(at + 1)
                    && let Some(TokenTree::Ident(segment)) = tokens.get(at + 2)
                {
                    path = format!("{path}::{segment}");
                    at += 3;
                }
                found.insert(path);
            }
            _ => {}
        }
    }
}
