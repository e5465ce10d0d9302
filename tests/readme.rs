//! What the README shows is what there is: its flagship is the example, its error message is the compiler's, its table
//! compiles, its unit test runs.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use millstream::prelude::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code blocks of the README whose language begins with `language`.
fn blocks(language: &str) -> Vec<String> {
    let readme = text("README.md");
    let (mut blocks, mut open) = (Vec::new(), None::<(bool, String)>);
    for line in readme.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(opens), None) => open = Some((opens.starts_with(language), String::new())),
            (Some(_), Some((wanted, block))) => {
                if *wanted {
                    blocks.push(std::mem::take(block));
                }
                open = None;
            }
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Code with every run of white space as one space, so that a line may be broken anywhere.
fn flat(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_flagship_is_the_example() {
    let blocks = blocks("rust");
    let example = flat(&text("examples/iot_to_parquet.rs"));
    let parts: Vec<&str> = blocks[0].split("\n\n").collect();
    assert!(matches!(parts[..], [_, pipeline] if pipeline.starts_with("pipeline! {")));
    for part in parts {
        assert!(
            example.contains(&flat(part)),
            "examples/iot_to_parquet.rs does not have this text of the README:\n{part}"
        );
    }
}

/// A text with `#` for each number.
fn without_numbers(text: &str) -> String {
    text.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("#")
}

/// What is shown of `hello` is what its header shows, which is what it prints.
#[test]
fn what_is_printed_is_what_the_examples_show() {
    let header = |name: &str| -> String {
        let text = text(&format!("examples/{name}.rs"));
        let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
        lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    };
    let blocks = blocks("text");
    assert!(blocks.iter().any(|block| header("hello").contains(block.as_str())), "no block is what `hello` shows");
    let account = blocks.iter().find(|block| block.starts_with("600 rows in")).unwrap();
    assert!(header("iot_to_parquet").contains(account.as_str()));
    assert!(text("README.md").contains("cargo run --example restart"));
    // A run that was killed before says the same with other numbers, and at its end the very same.
    let killed = blocks.iter().find(|block| block.starts_with("kill -9")).unwrap();
    let restart = header("restart");
    assert!(without_numbers(&restart).contains(&without_numbers(killed)), "{killed}\n{restart}");
    assert_eq!(killed.lines().last(), restart.lines().find(|line| line.contains(" numbers in ")));
}

/// The figures are those of the page on performance.
#[test]
fn the_numbers_are_those_that_were_measured() {
    let (readme, page) = (text("README.md"), text("runtime/docs/performance.md"));
    let (_, numbers) = readme.split_once("## Numbers").unwrap();
    let (numbers, _) = numbers.split_once("\n## ").unwrap();
    for row in numbers.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let measured = page.lines().any(|line| line.contains(&format!("**{}**", cells[2])) && line.contains(cells[3]));
        assert!(measured, "not in performance.md: {row}");
    }
}

#[test]
fn the_repository_is_that_of_the_package() {
    let manifest = text("Cargo.toml");
    let repository = manifest.lines().find_map(|line| line.strip_prefix("repository = ")).unwrap().trim_matches('"');
    assert!(text("README.md").contains(&format!("git clone {repository} ")));
}

#[test]
fn the_error_message_is_the_compilers() {
    let (case, said) =
        ("tests/ui/by_rustc/pipeline/unknown_column.rs", "tests/ui/by_rustc/pipeline/unknown_column.stderr");
    let said = text(said);
    assert!(blocks("text").contains(&said), "no block of the README is this message:\n{said}");
    let readme = text("README.md");
    let wrong = text(case).lines().map(str::trim).find(|line| line.contains("temprature")).unwrap().to_owned();
    assert!(readme.contains(&format!("`{wrong}`")), "the README does not name the line `{wrong}`");
}

#[test]
fn the_table_for_those_who_come_from_elsewhere_compiles() {
    let readme = text("README.md");
    let (_, table) = readme.split_once("## Coming from Spark or Flink").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let code = flat(&text("runtime/tests/coming_from_spark.rs"));
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        // A bar inside of a cell is written `\|`.
        let row = row.replace("\\|", "\u{1}");
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap().trim().replace('\u{1}', "|");
        let snippets: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!snippets.is_empty(), "a row without code: {row}");
        for snippet in snippets {
            assert!(code.contains(&flat(snippet)), "not in runtime/tests/coming_from_spark.rs: {snippet}");
        }
        rows += 1;
    }
    assert!(rows >= 20, "only {rows} rows");
}

#[test]
fn the_features_are_those_of_the_package() {
    let manifest = text("runtime/Cargo.toml");
    let (_, features) = manifest.split_once("[features]").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    let names = features.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let readme = text("README.md");
    for name in names.filter(|name| *name != "default" && !name.starts_with(['#', ' ', '_'])) {
        assert!(readme.contains(&format!("| `{name}` |")), "the README's table of features has no `{name}`");
    }
}

#[test]
fn files_that_are_named_exist() {
    let readme = text("README.md");
    let links = readme.split("](").skip(1).filter_map(|link| link.split(')').next());
    for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
        let path = link.split('#').next().unwrap();
        assert!(root().join(path).exists(), "the README links to {path}, which does not exist");
    }
}

#[test]
fn the_unit_test_is_the_one_below() {
    let own = text("tests/readme.rs");
    let block = blocks("rust").into_iter().find(|block| block.contains("#[test]")).unwrap();
    assert!(own.contains(&block), "the README's unit test does not stand here");
    assert!(block.lines().count() <= 15);
}

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
}

#[derive(StreamSchema, Debug, PartialEq)]
struct PerMinute {
    device_id: String,
    n: i64,
}

fn hot_readings(threshold: f64) -> Pipeline {
    pipeline! {
        from kinesis("iot-readings", region = "us-west-2")
        | decode json as Reading else skip
        | filter temperature > {threshold}
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | select { device_id, n }
        | sink console() as PerMinute
    }
}

#[test]
fn counts_hot_readings() -> millstream::Result<()> {
    let mut run = hot_readings(20.0).test();
    run.push([
        r#"{"device_id": "a", "ts": "2026-01-01T00:00:01Z", "temperature": 21.5}"#,
        r#"{"device_id": "a", "ts": "2026-01-01T00:00:02Z", "temperature": 19.5}"#,
        r#"{"device_id": "a", "ts": "yesterday", "temperature": 30.0}"#,
    ])?;
    run.end()?; // the input ends: windows close
    let rows: Vec<PerMinute> = run.rows()?;
    assert_eq!(rows, [PerMinute { device_id: "a".into(), n: 1 }]);
    assert_eq!((run.counts().filtered, run.counts().skipped), (1, 1));
    Ok(())
}
