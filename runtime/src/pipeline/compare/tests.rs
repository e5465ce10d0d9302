//! Every code, and what it comes to, on descriptions alone; pipelines that really go on are in `tests/change`.

use super::super::changes::Changes;
use super::super::descriptor::{Descriptor, KeyedDescriptor, SinkDescriptor};
use super::{Class, Comparison, How};

fn columns(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect()
}

fn stage(name: &str) -> KeyedDescriptor {
    KeyedDescriptor {
        name: name.to_owned(),
        window: "tumbling(60s)".to_owned(),
        ttl: None,
        keys: columns(&[("k", "Int32"), ("l", "String")]),
        values: columns(&[
            ("n", "count in Struct(\"count\": non-null Int64)"),
            ("m", "max in Struct(\"value\": Int32)"),
        ]),
        expressions: columns(&[("k", "k"), ("n", "count()"), ("m", "max(x)")]),
    }
}

fn sink(role: &str, target: &str) -> SinkDescriptor {
    let (kind, columns) = ("parquet".to_owned(), columns(&[("a", "Int64")]));
    SinkDescriptor { role: role.to_owned(), kind, target: target.to_owned(), files: true, columns, options: Vec::new() }
}

fn old() -> Descriptor {
    Descriptor {
        source: "file".to_owned(),
        target: "in".to_owned(),
        decode: "json as Row".to_owned(),
        keyed: vec![stage("one"), stage("two")],
        watermark: Some(1),
        mode: "append".to_owned(),
        sinks: vec![sink("rows", "out"), sink("late rows", "late")],
        stages: ["filter a", "select { b }", "watermark 1s", "group_by { k }", "agg { n = count() }"]
            .map(String::from)
            .into(),
    }
}

/// The codes of what is different, with what they come to.
fn codes(change: impl FnOnce(&mut Descriptor), tell: impl FnOnce(&mut Changes)) -> Vec<(&'static str, Class)> {
    let (mut new, mut changes) = (old(), Changes::default());
    change(&mut new);
    tell(&mut changes);
    let comparison = Comparison::of(&old(), &new, &changes);
    assert_eq!(comparison.check().is_ok(), comparison.of_class(Class::Incompatible).next().is_none());
    let lines = comparison.lines.iter().filter(|line| line.class != Class::Same);
    lines.map(|line| (line.code, line.class)).collect()
}

fn plainly(change: impl FnOnce(&mut Descriptor)) -> Vec<(&'static str, Class)> {
    codes(change, |_| {})
}

#[test]
fn nothing_is_different_of_what_is_the_same() {
    let comparison = Comparison::of(&old(), &old(), &Changes::default());
    assert!(comparison.lines.iter().all(|line| line.class == Class::Same) && comparison.lines.len() == 5);
    assert!(!comparison.changes_state() && comparison.check().is_ok());
}

#[test]
fn plain_parts() {
    use Class::{Compatible, Incompatible, Meaning};
    assert_eq!(plainly(|of| of.target = "other".to_owned()), [("C01", Incompatible)]);
    assert_eq!(plainly(|of| of.decode = "json as Other".to_owned()), [("C02", Meaning)]);
    assert_eq!(plainly(|of| of.stages.push("drop { a }".to_owned())), [("C03", Compatible)]);
    assert_eq!(plainly(|of| drop(of.stages.remove(1))), [("C03", Compatible)]);
    assert_eq!(plainly(|of| drop(of.stages.remove(0))), [("C04", Meaning)]);
    assert_eq!(plainly(|of| of.stages[1] = "select { c }".to_owned()), [("C04", Meaning)]);
    assert_eq!(plainly(|of| of.watermark = None), [("C05", Meaning)]);
    assert_eq!(plainly(|of| of.mode = "update".to_owned()), [("C06", Meaning)]);
    let complete = plainly(|of| of.mode = "complete".to_owned());
    assert_eq!(complete, [("C07", Incompatible), ("C07", Incompatible)]);
}

#[test]
fn sinks() {
    use Class::{Compatible, Incompatible, Meaning};
    assert_eq!(plainly(|of| of.sinks.push(sink("dead letters", "bad"))), [("C30", Compatible)]);
    assert_eq!(plainly(|of| drop(of.sinks.pop())), [("C31", Compatible)]);
    let elsewhere = plainly(|of| {
        of.sinks[0] = sink("rows", "new");
        of.sinks[0].columns = columns(&[("b", "String")]);
    });
    assert_eq!(elsewhere, [("C32", Meaning)]);
    assert_eq!(plainly(|of| of.sinks[0].columns = columns(&[("a", "String")])), [("C33", Incompatible)]);
    assert_eq!(plainly(|of| of.sinks[0].columns.push(("b".into(), "Option<Int64>".into()))), [("C33", Incompatible)]);
    assert_eq!(plainly(|of| of.sinks[0].options = columns(&[("partition_by", "a")])), [("C34", Incompatible)]);
    let (mut before, mut after) = (old(), old());
    before.sinks[0].files = false;
    after.sinks[0].files = false;
    after.sinks[0].columns.clear();
    let comparison = Comparison::of(&before, &after, &Changes::default());
    let line = comparison.lines.iter().find(|line| line.code == "C35").unwrap();
    assert_eq!((line.class, comparison.moved), (Meaning, vec![0]));
}

#[test]
fn keyed_stages() {
    use Class::{Compatible, Incompatible, Meaning};
    assert_eq!(plainly(|of| of.keyed.push(stage("three"))), [("C10", Incompatible)]);
    let told = codes(|of| of.keyed.push(stage("three")), |changes| changes.empty.push("three".to_owned()));
    assert_eq!(told, [("C10", Meaning)]);
    assert_eq!(plainly(|of| drop(of.keyed.remove(0))), [("C11", Incompatible)]);
    let told = codes(|of| drop(of.keyed.remove(0)), |changes| changes.drop.push("one".to_owned()));
    assert_eq!(told, [("C11", Meaning)]);
    let rename = |changes: &mut Changes| changes.stages.push(("one".to_owned(), "eins".to_owned()));
    assert_eq!(codes(|of| of.keyed[0].name = "eins".to_owned(), rename), [("C12", Compatible)]);
    assert_eq!(plainly(|of| of.keyed[0].window = String::new()), [("C13", Incompatible)]);
    assert_eq!(plainly(|of| of.keyed.reverse()), [("C24", Meaning)]);
    let reset = codes(|_| {}, |changes| changes.reset.push("two".to_owned()));
    assert_eq!(reset, [("C23", Meaning)]);
    assert_eq!(plainly(|of| of.keyed[0].expressions[2].1 = "max(y)".to_owned()), [("C25", Incompatible)]);
    let told =
        codes(|of| of.keyed[0].expressions[2].1 = "max(y)".to_owned(), |changes| changes.same.push("one".to_owned()));
    assert_eq!(told, [("C25", Compatible)]);
}

#[test]
fn columns_of_keyed_stages() {
    use Class::{Compatible, Incompatible};
    assert_eq!(plainly(|of| drop(of.keyed[0].keys.pop())), [("C15", Incompatible)]);
    assert_eq!(plainly(|of| of.keyed[0].keys[1].1 = "Option<String>".to_owned()), [("C16", Compatible)]);
    assert_eq!(plainly(|of| drop(of.keyed[0].values.pop())), [("C18", Compatible)]);
    assert_eq!(plainly(|of| of.keyed[0].values.push(("o".into(), "sum in X".into()))), [("C19", Incompatible)]);
    assert_eq!(
        plainly(|of| of.keyed[0].values[1].1 = "min in Struct(\"value\": Int32)".to_owned()),
        [("C20", Incompatible)]
    );
    assert_eq!(
        plainly(|of| of.keyed[0].values[1].1 = "max in Struct(\"value\": Int64)".to_owned()),
        [("C21", Compatible)]
    );
    let rename = |changes: &mut Changes| changes.columns.push(("one".to_owned(), "k".to_owned(), "key".to_owned()));
    assert_eq!(codes(|of| of.keyed[0].keys[0].0 = "key".to_owned(), rename), [("C17", Compatible)]);
    for (was, is, code) in [
        ("Int32", "Int64", "C16"),
        ("Int8", "Int16", "C16"),
        ("UInt32", "Int64", "C16"),
        ("UInt8", "UInt64", "C16"),
        ("Int64", "Int32", "C15"),
        ("UInt64", "Int64", "C15"),
        ("Int32", "UInt64", "C15"),
        ("Int32", "String", "C15"),
        ("Int32", "Float64", "C15"),
        ("Option<Int32>", "Int64", "C15"),
        ("Int32", "Option<Int64>", "C16"),
    ] {
        let (mut before, mut after) = (old(), old());
        was.clone_into(&mut before.keyed[0].keys[0].1);
        is.clone_into(&mut after.keyed[0].keys[0].1);
        let comparison = Comparison::of(&before, &after, &Changes::default());
        assert!(comparison.lines.iter().any(|line| line.code == code), "{was} {is}: {comparison}");
        // Keys of another type are in other key groups.
        assert_eq!(comparison.carried[0].how == How::Anew, code == "C16", "{was} {is}");
    }
    // So are those of parts in another order.
    let mut after = old();
    after.keyed[0].keys.reverse();
    let comparison = Comparison::of(&old(), &after, &Changes::default());
    assert!(comparison.changes_state() && comparison.check().is_ok());
    assert_eq!((comparison.carried[0].how, comparison.carried[1].how), (How::Anew, How::AsItIs));
}
