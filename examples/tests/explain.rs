//! What `explain` says of the examples, as text and as a flowchart, is what stands in `explained/`.
//! `MILLSTREAM_SNAPSHOTS=overwrite cargo test -p millstream-examples --features kinesis,parquet,socket --test explain` writes it
//! anew.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

#[path = "../by_hand.rs"]
mod by_hand;
#[path = "../hello.rs"]
mod hello;
#[path = "../iot_to_parquet.rs"]
mod iot_to_parquet;
#[path = "../nested_etl.rs"]
mod nested_etl;
#[path = "../own_connector.rs"]
mod own_connector;
#[path = "../restart.rs"]
mod restart;
#[macro_use]
#[path = "../switch_source.rs"]
mod switch_source;
#[path = "../wordcount.rs"]
mod wordcount;

use std::fs;
use std::path::Path;

use millstream::pipeline::explain::Explained;
use millstream::prelude::*;
use millstream_examples::own::Table;
use millstream_examples::stream::Input;
use switch_source::Reading;

#[test]
fn examples_are_explained() {
    let input = Input::sample("out".to_owned()).unwrap();
    let endpoint = input.options().3.unwrap();
    let rows = millstream::sink::collect();
    let pipelines = [
        ("by_hand", vec![by_hand::pipeline(&input).checkpoint("out/_checkpoint")]),
        ("hello", vec![hello::pipeline()]),
        ("iot_to_parquet", vec![iot_to_parquet::pipeline(&input).checkpoint("out/_checkpoint")]),
        ("nested_etl", vec![nested_etl::pipeline("out").checkpoint("out/_checkpoint")]),
        ("own_connector", vec![own_connector::pipeline(Table::default()).checkpoint("out")]),
        ("restart", vec![restart::pipeline()]),
        (
            "switch_source",
            vec![
                hot!(rows, file("readings.json")),
                hot!(rows, memory(["{}"])),
                hot!(rows, socket("127.0.0.1:9999")),
                hot!(rows, kinesis("readings", endpoint = { endpoint.as_str() }, start = trim_horizon)),
            ],
        ),
        ("wordcount", vec![wordcount::pipeline(&input)]),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explained");
    let overwrite = std::env::var("MILLSTREAM_SNAPSHOTS").is_ok_and(|word| word == "overwrite");
    let (mut wrong, pipelines_there) = (Vec::new(), pipelines.len());
    for (name, pipelines) in pipelines {
        let said: Vec<String> = pipelines.into_iter().map(|pipeline| said(name, &pipeline.explain())).collect();
        let said = said.join("\n\n\n").replace(&endpoint, "ENDPOINT");
        let path = folder.join(name).with_extension("txt");
        if overwrite {
            fs::write(&path, &said).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != said {
            wrong.push(format!("{} is not what is said now:\n{said}", path.display()));
        }
    }
    let explained = fs::read_dir(&folder).unwrap().count();
    assert!(wrong.is_empty() && explained == pipelines_there, "{explained} files\n{}", wrong.join("\n"));
    // A new example is explained, too; `kinesis_server` has no pipeline.
    let examples = include_str!("../Cargo.toml").matches("[[bin]]").count() - 1;
    assert_eq!(explained, examples);
}

/// What is said of a pipeline to a person; a program is told of the same.
fn said(name: &str, explained: &Explained) -> String {
    let said = format!("{explained}\n\n{}", explained.to_mermaid());
    let json = explained.to_json();
    assert_eq!(json["watermark"].is_null(), !said.contains("\nwatermark  "), "{name}: {json}");
    assert!(said.contains(json["guarantee"].as_str().unwrap()), "{name}: {json}");
    said
}
