//! What pipelines expand to, as files to read: `snapshots/*.rs`. `MILLSTREAM_SNAPSHOTS=overwrite cargo test -p
//! millstream-macros expand` writes them anew.

use proc_macro2::TokenStream;
use quote::quote;

use super::tokens;
use crate::emit::one_for_rustc;

const PIPELINES: &[(&str, &str)] = &[
    (
        "filter",
        r#"from memory(lines, follow = 5s) | decode json as Reading else skip | filter temperature > {threshold} | sink console()"#,
    ),
    (
        "group",
        r#"from kinesis("readings", start = latest) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } | agg { n = count(), mean = avg(temperature) }
        | select { .., date = w.start.date() } | sink parquet("out", partition_by = [date])"#,
    ),
    (
        "explode",
        r#"from file("in/*.txt") | decode text | explode word = line.split(' ') | drop { line } | sink {rows}"#,
    ),
    ("stream", r#"let lines = from {source} | filter data.len() > 3; from lines | select { data } as Out | sink rows"#),
    (
        "broken",
        r#"from memory(lines) | decode json as Reading | filter temperature > | select { a = temperature } | sink console()"#,
    ),
];

#[test]
fn expansions_are_as_they_were() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/snapshots");
    let overwrite = std::env::var("MILLSTREAM_SNAPSHOTS").is_ok_and(|value| value == "overwrite");
    for (name, text) in PIPELINES {
        let now = format!("// {}\n{}", text.replace('\n', "\n//"), pretty(one_for_rustc(tokens(text))));
        let file = folder.join(format!("{name}.rs"));
        if overwrite {
            std::fs::write(&file, &now).unwrap();
        }
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            now == before,
            "{name} expands to something else; {} had\n{before}\nand now it is\n{now}",
            file.display()
        );
    }
}

fn pretty(expansion: TokenStream) -> String {
    let file = syn::parse2(quote! { fn pipeline() -> Pipeline { #expansion } }).unwrap();
    prettyplease::unparse(&file)
}
