//! Every line of the table of rules: what it expands to, and that it survives a cut at any token.

mod table;

use std::str::FromStr;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;

use super::{Walk, walk};
use table::{BROKEN, Line, TABLE};

#[test]
fn every_line_of_the_table() {
    let mut wrong = Vec::new();
    for &(expr, columns, captures, expansion) in lines() {
        let walk = walk_all(tokens(expr), &mut 0);
        let used: Vec<_> = walk.used.iter().map(|used| used.path.join(".")).collect();
        let captured: Vec<_> = walk.captures.iter().map(|capture| capture.tokens.to_string()).collect();
        let captured = captured.join("; ");
        let expansion = if expansion.is_empty() { expr } else { expansion };
        let used = used.join(" ");
        if used != columns || text(&captured) != text(captures) || text(&walk.tokens.to_string()) != text(expansion) {
            wrong.push(format!("{expr}\n    {used}\n    {captured}\n    {}", walk.tokens));
        }
    }
    assert!(wrong.is_empty(), "{} lines\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_complete_line_expands_to_an_expression() {
    for &(expr, ..) in lines().filter(|line| !BROKEN.contains(line)) {
        let tokens = tokens(expr);
        if syn::parse2::<syn::Expr>(tokens.clone()).is_ok() {
            let expanded = walk_all(tokens, &mut 0).tokens;
            assert!(syn::parse2::<syn::Expr>(expanded.clone()).is_ok(), "{expr}\n{expanded}");
        }
    }
}

#[test]
fn every_line_cut_anywhere_keeps_its_names() {
    for &(expr, ..) in lines() {
        for cut in cuts(&tokens(expr)) {
            let before = idents(cut.clone());
            let walk = walk_all(cut, &mut 0);
            let mut after = idents(walk.tokens);
            after.extend(walk.captures.into_iter().flat_map(|capture| idents(capture.tokens)));
            for ident in before {
                assert!(after.contains(&ident), "{expr}: `{ident}` is lost");
            }
        }
    }
}

#[test]
fn captures_are_numbered_over_the_pipeline() {
    let mut next = 3;
    let first = walk_all(quote!({ x } + { y }), &mut next);
    let second = walk_all(quote!(a > { x }), &mut next);
    let idents = first.captures.iter().chain(&second.captures).map(|capture| capture.ident.to_string());
    assert_eq!(idents.collect::<Vec<_>>(), ["__cap3", "__cap4", "__cap5"]);
    assert_eq!(next, 6);
}

#[test]
fn what_is_taken_by_value() {
    let taken = |text: &str| {
        let walk = walk_all(tokens(text), &mut 0);
        walk.captures.iter().map(|capture| if capture.taken { 't' } else { '-' }).collect::<String>()
    };
    for (text, expected) in [
        ("{a} + b", "t"),
        ("b * {a}", "t"),
        ("b == {a} - 1", "t"),
        ("-{a}", "t"),
        ("f({a})", "t"),
        ("b.max({a})", "t"),
        ("f(b, {a}, &{c}, {d}.len(), {e} > 1)", "t---"),
        ("Point { lat: {a}, lon: {b}.lon }", "t-"),
        ("{a}", "-"),
        ("b > {a}", "-"),
        ("{a} == b && {c} != d", "--"),
        ("{a}.contains(b)", "-"),
        ("{a}[0] + {f}(x)", "--"),
        ("b + {a}.len()", "-"),
        ("&{a} + b", "-"),
        ("{a}.into_iter().chain({b}.iter())", "t-"),
        ("*{a} + b", "-"),
        ("b * *{a}", "-"),
        ("matches!({a}, 1) || format!(\"{}\", {b}).is_empty()", "--"),
        ("match {a} { _ => 1 }", "-"),
        ("({a}).len()", "-"),
    ] {
        assert_eq!(taken(text), expected, "{text}");
    }
}

#[test]
fn resolve_sees_each_column_once_and_the_rest_never() {
    let mut seen = Vec::new();
    let mut resolve = |ident: &Ident| {
        seen.push(ident.to_string());
        None
    };
    let walk = walk(quote!(f(a).b(c, |d| d + T::e + 1 as f64)), &mut resolve, &mut 0);
    assert_eq!(seen, ["a", "c"]);
    assert!(walk.used.is_empty());
}

fn lines() -> impl Iterator<Item = &'static Line> {
    TABLE.into_iter().flatten()
}

fn tokens(text: &str) -> TokenStream {
    let tokens = TokenStream::from_str(text);
    assert!(tokens.is_ok(), "{text}");
    tokens.unwrap_or_default()
}

fn walk_all(tokens: TokenStream, next_capture: &mut usize) -> Walk {
    let mut resolve = |ident: &Ident| (ident != "unknown").then(|| quote!(row.#ident));
    walk(tokens, &mut resolve, next_capture)
}

/// The text without its spaces: those follow the spacing of tokens and say nothing here.
fn text(source: &str) -> String {
    source.chars().filter(|ch| !ch.is_whitespace()).collect()
}

fn idents(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => found.extend(idents(group.stream())),
            _ => {}
        }
    }
    found
}

/// The text up to each of its tokens, at every depth, with the groups that are open there closed.
fn cuts(tokens: &TokenStream) -> Vec<TokenStream> {
    let mut cuts = vec![TokenStream::new()];
    let mut before = TokenStream::new();
    for token in tokens.clone() {
        if let TokenTree::Group(group) = &token {
            for inner in self::cuts(&group.stream()) {
                let mut cut = before.clone();
                cut.extend([TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inner))]);
                cuts.push(cut);
            }
        }
        before.extend([token]);
        cuts.push(before.clone());
    }
    cuts
}
