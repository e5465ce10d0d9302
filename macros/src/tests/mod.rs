//! Tests on tokens only: what a text expands to, and what is said about it.

mod errors;
mod expand;
mod paths;
mod spans;
mod truncate;

use proc_macro2::{TokenStream, TokenTree};

use crate::emit::expand;
use crate::words;

/// Pipelines that use every stage.
const EXAMPLES: &[&str] = &[
    r#"from kinesis("iot-readings", region = "us-west-2", start = latest, at = at("x"), period = 400ms, role = {role})
    | decode json(strict, lines) as schema::Reading else dead_letter(parquet("out/bad"))
    | filter status == Status::Ok && temperature > {threshold}
    | watermark 10s
    | group_by { device_id, window = tumbling(1min) } name "per_device"
    | agg { n = count(), avg_temp = avg(temperature), hottest = my::max(temperature) }
    | select { .., date = window.start.date() }
    | sink parquet("out/readings", partition_by = [date], size = 64mib)"#,
    r#"let readings = from memory(["a", "b"]) | filter data.len() > 3 | decode text;
    from readings | explode outer word = line.split(' ') | drop { line } | select { word, n = (1 | 2) } as Out
    | sink rows.clone() mode = append"#,
    r#"from {source} | select { data, index } | decode bytes | watermark ts {delay}
    | group_by { k = if a { b } else { c }, w = sliding(ts, 10min, every = 1min) } | agg { n = count_if(x > 1) }
    | group_by { w = tumbling(1h) } | agg { n = sum(n) } | filter matches!(n, 1 | 2) | sink {rows}"#,
    r#"from memory(x) | decode json as T | watermark 1s
    | group_by { ttl, name = never } ttl 1h else dead_letter(parquet("out/late")) name "per ttl" | agg { update = last(complete) }
    | sink s mode = update"#,
    r#"from memory(x) | decode json as T | agg { n = count() } name "all" | sink s mode = complete"#,
];

/// The pipelines in the example programs, each with the file's name.
fn programs() -> Vec<(String, TokenStream)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        pipelines(tokens(&std::fs::read_to_string(file).unwrap()), &mut |text| found.push((name.clone(), text)));
    }
    assert!(found.len() >= 6, "the examples are not where they were");
    found
}

/// Every `pipeline! { .. }`, in all depths.
fn pipelines(tokens: TokenStream, found: &mut impl FnMut(TokenStream)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before = |back: usize| index.checked_sub(back).map(|at| tokens[at].to_string()).unwrap_or_default();
        if before(1) == "!" && before(2) == "pipeline" {
            found(group.stream());
        } else {
            pipelines(group.stream(), found);
        }
    }
}

/// All texts that the tests take apart.
fn texts() -> Vec<TokenStream> {
    EXAMPLES.iter().map(|text| tokens(text)).chain(programs().into_iter().map(|(_, text)| text)).collect()
}

/// Words of the language, which need not come back.
fn is_ours(word: &str) -> bool {
    let ours = [
        words::AS,
        words::ELSE,
        words::LET,
        words::NAME,
        words::MODE,
        words::TTL,
        words::NEVER,
        words::OUTER,
        words::EVERY,
        words::RECORD,
    ];
    words::STAGES.contains(&word)
        || words::WINDOWS.contains(&word)
        || words::POLICIES.contains(&word)
        || words::MODES.contains(&word)
        || ours.contains(&word)
}

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}

/// The words of an expansion, in all depths.
fn words_of(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words_of(group.stream(), into),
            TokenTree::Ident(word) => into.push(word.to_string()),
            _ => {}
        }
    }
}

/// Whether the expansion is one expression of Rust.
fn is_expression(expansion: &TokenStream) -> bool {
    syn::parse2::<syn::Expr>(expansion.clone()).is_ok()
}

#[test]
fn whole_texts_have_no_fault() {
    for example in EXAMPLES {
        let expansion = expand(tokens(example));
        assert!(is_expression(&expansion), "{expansion}");
        assert!(!expansion.to_string().contains("compile_error"), "{expansion}");
    }
}

#[test]
fn used_columns_are_collected() {
    let text = r#"from memory(x) | decode json as T | filter location.lat > 1.0 && record.index > 1 && name.len() > 2
        | select { .., a = b } | filter a > c | watermark 1s | group_by { k, w = tumbling(1s) } | agg { n = sum(d) } | sink s"#;
    let expansion = expand(tokens(text)).to_string();
    assert!(expansion.contains(r#"& ["location.lat" , "name" , "b" , "c" , "k" , "d"]"#), "{expansion}");
    assert!(expansion.contains("REST : bool = false"), "{expansion}");
    assert!(expansion.contains("EVENT_TIME : bool = true"), "{expansion}");
    let whole = expand(tokens("from memory(x) | decode json as T | select { .., a = b } | sink s")).to_string();
    assert!(whole.contains("REST : bool = true"), "{whole}");
}
