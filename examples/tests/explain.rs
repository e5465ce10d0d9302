//! What `explain` says of the examples whose pipeline is in a function, as text and as a flowchart, is what stands in `explained/`.
//! `MILLSTREAM_SNAPSHOTS=overwrite cargo test -p millstream-examples --features kinesis,parquet --test explain` writes it anew.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

#[path = "../hello.rs"]
mod hello;
#[path = "../iot_to_parquet.rs"]
mod iot_to_parquet;
#[path = "../restart.rs"]
mod restart;
#[path = "../wordcount.rs"]
mod wordcount;

use std::fs;
use std::path::Path;

use millstream_examples::stream::Input;

#[test]
fn examples_are_explained() {
    let input = Input::sample("out".to_owned()).unwrap();
    let endpoint = input.options().3.unwrap();
    let pipelines = [
        ("hello", hello::pipeline()),
        ("iot_to_parquet", iot_to_parquet::pipeline(&input).checkpoint("out/_checkpoint")),
        ("restart", restart::pipeline()),
        ("wordcount", wordcount::pipeline(&input)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explained");
    let overwrite = std::env::var("MILLSTREAM_SNAPSHOTS").is_ok_and(|word| word == "overwrite");
    let (mut wrong, pipelines_there) = (Vec::new(), pipelines.len());
    for (name, pipeline) in pipelines {
        let explained = pipeline.explain();
        let said = format!("{explained}\n\n{}", explained.to_mermaid()).replace(&endpoint, "ENDPOINT");
        let path = folder.join(name).with_extension("txt");
        if overwrite {
            fs::write(&path, &said).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != said {
            wrong.push(format!("{} is not what is said now:\n{said}", path.display()));
        }
        // A program is told of the same.
        let json = explained.to_json();
        assert_eq!(json["watermark"].is_null(), !said.contains("\nwatermark  "), "{name}: {json}");
        assert!(said.contains(json["guarantee"].as_str().unwrap()), "{name}: {json}");
    }
    let examples = fs::read_dir(&folder).unwrap().count();
    assert!(wrong.is_empty() && examples == pipelines_there, "{examples} files\n{}", wrong.join("\n"));
}
