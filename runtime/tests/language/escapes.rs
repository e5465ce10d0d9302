//! `{value}`: a Rust value in an expression.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use millstream::prelude::*;
use millstream::sink::collect;

#[derive(StreamSchema)]
struct Order {
    id: i64,
    country: String,
    #[stream(event_time)]
    ts: Timestamp,
}

fn order(id: i64, country: &str) -> String {
    format!(r#"{{"id":{id},"country":"{country}","ts":"2026-01-01T00:00:{id:02}Z"}}"#)
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Named {
    id: i64,
    source: String,
    note: Option<String>,
    tags: Vec<i64>,
    factor: f64,
}

#[test]
fn a_value_is_a_column() {
    let (source, note, tags, factor) = (String::from("eu"), Some(String::from("n")), vec![1_i64, 2], 1.5);
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Order
        | select { id, source = {source}, note = {note}, tags = {tags}, factor = {factor} }
        | filter source == {source} && {note}.is_some()
        | select { .., source = {source} }
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push([order(1, "a"), order(2, "b")]).unwrap().end().unwrap();
    let row = |id| Named { id, source: "eu".into(), note: Some("n".into()), tags: vec![1, 2], factor: 1.5 };
    assert_eq!(run.rows::<Named>().unwrap(), [row(1), row(2)]);
}

#[test]
fn a_value_is_a_key_an_argument_and_a_list() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Total {
        region: String,
        tag: String,
        label: String,
        n: i64,
    }
    let (region, tags, label) = (String::from("eu"), vec![String::from("a"), String::from("b")], String::from("l"));
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Order
        | watermark 10s
        | explode tag = {tags}
        | group_by { region = {region}, tag, w = tumbling(1min) }
        | agg { label = last({label}), n = count() }
        | drop { w }
        | sink collect() as Total
    };
    let mut run = pipeline.test();
    run.push([order(1, "a"), order(2, "b")]).unwrap().end().unwrap();
    let mut rows = run.rows::<Total>().unwrap();
    rows.sort_by(|a, b| a.tag.cmp(&b.tag));
    let total = |tag: &str| Total { region: "eu".into(), tag: tag.into(), label: "l".into(), n: 2 };
    assert_eq!(rows, [total("a"), total("b")]);
}

#[test]
fn what_a_table_gives_is_a_column() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Land {
        name: Option<String>,
        population: Option<i64>,
    }
    let names = HashMap::from([("de".to_owned(), "Germany".to_owned())]);
    let population = HashMap::from([("de".to_owned(), 83_i64)]);
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Order
        | select { name = {names}.get(country), population = {population}.get(country) }
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push([order(1, "de"), order(2, "xx")]).unwrap().end().unwrap();
    let known = Land { name: Some("Germany".into()), population: Some(83) };
    assert_eq!(run.rows::<Land>().unwrap(), [known, Land { name: None, population: None }]);
}

#[test]
fn each_use_is_a_place() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Use {
        known: bool,
        first: bool,
        sum: i64,
        length: u64,
    }
    let allowed = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let weights = [10_i64, 20];
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Order
        | filter {allowed}.contains(country) && !{allowed}.is_empty()
        | select {
            known = {allowed}.contains(country),
            first = {allowed}.iter().next().is_some_and(|name| name == country),
            sum = {weights}[0] + {weights}.iter().sum::<i64>() + id,
            length = { let names = ["x", "y", "z"]; names.len() as u64 },
        }
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push([order(1, "a"), order(2, "b"), order(3, "c")]).unwrap().end().unwrap();
    let row = |first, sum| Use { known: true, first, sum, length: 3 };
    assert_eq!(run.rows::<Use>().unwrap(), [row(true, 41), row(false, 42)]);
}

/// Once, in the order in which they stand, when the pipeline is built; however many rows and workers there are.
#[test]
fn values_are_made_once_and_in_order() {
    let made = Mutex::new(Vec::new());
    let make = |name: &'static str, value: i64| {
        made.lock().unwrap().push(name);
        value
    };
    let rows = collect();
    let pipeline = pipeline! {
        from memory((0..100).map(|id| order(id % 60, "a")))
        | decode json as Order
        | filter id >= {make("a", 0)}
        | select { id = id + {make("b", 1)}, other = {make("c", 2)} + {make("d", 3)} }
        | filter other == {make("e", 5)}
        | sink rows.clone()
    };
    assert_eq!(*made.lock().unwrap(), ["a", "b", "c", "d", "e"]);
    pipeline.workers(2).run_blocking().unwrap();
    assert_eq!(rows.len(), 100);
    assert_eq!(made.lock().unwrap().len(), 5);
}

/// Options as methods, on names that nothing imports.
#[test]
fn options_may_be_methods_of_the_call() {
    let rows = collect();
    let pipeline = pipeline! {
        from rate(1_000, count = 20).unpaced()
        | filter value >= 5
        | sink {rows.clone()}
    };
    pipeline.run_blocking().unwrap();
    assert_eq!(rows.len(), 15);
    let console = pipeline! { from rate(1_000).count(3).unpaced() | sink console().limit(2) };
    assert_eq!(console.run_blocking().unwrap().rows_out, 3);
}
