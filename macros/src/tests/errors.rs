//! What is said about wrong texts. Where it is said, the ui tests of the runtime show.

use super::{is_expression, tokens};
use crate::emit::expand;

/// The faults of a text, each as `message | help`.
fn faults(text: &str) -> Vec<String> {
    let expansion = expand(tokens(text));
    assert!(is_expression(&expansion), "{expansion}");
    let text = expansion.to_string();
    let pieces = text.split("compile_error ! {").skip(1);
    let literal = |piece: &str| syn::parse_str::<syn::LitStr>(piece.split('}').next().unwrap_or_default().trim());
    // A brace may stand in the text itself; then the literal ends at a later one.
    let full = |piece: &str| {
        let mut ends = piece.match_indices('}').map(|(at, _)| at);
        ends.find_map(|at| syn::parse_str::<syn::LitStr>(piece.get(..at).unwrap_or_default().trim()).ok())
    };
    pieces
        .map(|piece| literal(piece).ok().or_else(|| full(piece)).map_or_else(|| piece.to_owned(), |text| text.value()))
        .map(|text| text.replace("\nhelp: ", " | "))
        .collect()
}

/// A chain over a schema around some stages.
fn stages(middle: &str) -> Vec<String> {
    faults(&format!("from memory(x) | decode json as T | {middle} | sink s"))
}

fn one(found: Vec<String>, expected: &str) {
    assert_eq!(found, [expected]);
}

#[test]
fn words_of_other_dialects() {
    one(stages("where a > 1"), "`where` is spelt `filter` here | write `filter`");
    one(stages("filter a = 1"), "`=` does not compare | write `==`");
    one(stages("filter a <> 1"), "`<>` is spelt `!=` here | write `!=`");
    one(stages("filter a > 1 and b"), "`and` is spelt `&&` here | write `&&`");
    one(stages("filter a > 1 or b"), "`or` is spelt `||` here | write `||`");
    one(stages("filter not a"), "`not` is spelt `!` here | write `!a`");
    one(stages("filter a is null"), "a column that may be null is an `Option` | write `a.is_none()`");
    one(stages("filter a is not null"), "a column that may be null is an `Option` | write `a.is_some()`");
    one(stages("filter a like \"x%\""), "`like` is a method here | write `a.starts_with(\"x\")`");
    one(stages("filter a between 1 and 2"), "`between` is a range here | write `(1..=2).contains(&a)`");
    one(
        stages("filter a.b(c) between -d and e * 2 and f").into_iter().take(1).collect(),
        "`between` is a range here | write `(-d..=e * 2).contains(&a.b(c))`",
    );
    one(stages("filter a in [1, 2]"), "`in` is a method here | write `[1, 2].contains(&a)`");
    one(stages("filter a not in (1, 2)"), "`not in` is a method here | write `![1, 2].contains(&a)`");
    one(
        stages("select { b = coalesce(a, c, 1) }"),
        "`coalesce` is a method here | write `a.or(c).unwrap_or(1)`, or `.or(1)` if it may be missing, too; a function of yours is `self::coalesce(..)`",
    );
    one(
        stages("select { b = IFNULL(a.b, c) }"),
        "`IFNULL` is a method here | write `a.b.unwrap_or(c)`, or `.or(c)` if it may be missing, too; a function of yours is `self::IFNULL(..)`",
    );
    one(
        stages("filter CAST(a + b AS BIGINT) > 1"),
        "`CAST` is spelt `as` here | write `(a + b) as i64` of a number, `(a + b).parse::<i64>()` of text; a function of yours is `self::CAST(..)`",
    );
    one(
        stages("select { b = cast(a as string) }"),
        "`cast` is spelt `as` here | write `a.to_string()`; a function of yours is `self::cast(..)`",
    );
    one(stages("select *"), "all columns are written `..` | write `select { .. }`");
    one(stages("select { a as b }"), "a name comes before its value | write `b = a`");
}

#[test]
fn words_of_rust_are_no_dialect() {
    for fine in [
        "filter { and } > or",
        "filter a.like(b) && like == between",
        "filter if let Some(x) = a { x > 1 } else { false }",
        "filter a.iter().any(|x| { for y in x { } true })",
        "select { x = format!(\"{a}\", a = 1), y = Vec::<u8>::new().len(), z = a as u8 }",
        "filter a >= 1 && b <= 2 && c != 3",
        "filter coalesce > cast && self::coalesce(a, 1) > a.nvl(1) && cast(a) && my::cast(a as i64)",
    ] {
        assert_eq!(stages(fine), [""; 0], "{fine}");
    }
}

#[test]
fn stages_and_places() {
    one(stages("fliter a"), "unknown stage `fliter`; did you mean `filter`? | write `filter`");
    one(stages("filter"), "`filter` needs an expression | write `filter temperature > 20.0`");
    one(
        stages("filter a >"),
        "this expression is not complete: expected an expression after it | complete it, or take the operator away",
    );
    one(
        stages("group_by { k, w = tumbling(1min) } | agg { n = count() }"),
        "append mode can never emit these groups: nothing closes them | add `| watermark 10s` before it",
    );
    one(stages("watermark 1s | watermark 2s"), "a second `watermark` | keep one of the two");
    one(stages("watermark 10sec"), "`10sec` is not a duration | write `10s`");
    one(
        stages("watermark 1s | group_by { k, w = tumbling(1min) } | filter a > 1"),
        "`group_by` needs an `agg` directly after it | write `| agg { n = count() }` after it",
    );
    one(
        faults("from memory(x) | decode json as T"),
        "the pipeline has no `sink` | write `| sink SINK(..)` at its end, such as `| sink console()`",
    );
    assert_eq!(stages("dedup by { a } within 1h").len(), 1);
    assert_eq!(faults("").len(), 1);
    assert_eq!(faults("decode json as T | sink s").len(), 1);
    assert_eq!(faults("from a(x) | sink s | filter a").len(), 1);
}

#[test]
fn columns_after_shaping() {
    one(
        stages("select { total = a } | filter totl > 1"),
        "no column `totl` after `select`; did you mean `total`? | the columns are `total`; a Rust value is written `{totl}`",
    );
    one(stages("drop { a } | filter a > 1"), "column `a` was dropped | leave it out of `drop { a }`");
    one(stages("select { a, a = 1 }"), "column `a` is named twice | give one of the two another name");
    // What is known of names outlives a fault in an expression.
    assert_eq!(stages("select { a } | filter b > 1 | select { c = d } | filter e > 2").len(), 3);
    // Nothing is known after a stage that cannot be read.
    assert_eq!(stages("select a, b | filter c > 1 | select { d = e }").len(), 1);
}

#[test]
fn connectors() {
    one(
        faults("from kinesis(\"a\", start = latest, start = now) | decode text | sink s"),
        "`start` is given twice | write `start = ..` once",
    );
    one(
        faults("from kinesis(start = latest, \"a\") | decode text | sink s"),
        "positional arguments come before options | move it to the front",
    );
    one(
        faults("from readings | decode text | sink s"),
        "no stream is named `readings` | write `from readings(..)` for a source, `from {readings}` for a Rust value, or `let readings = ..;` before it",
    );
    one(
        faults("from memory(x) | decode json as T else skp | sink s"),
        "unknown policy `skp`; did you mean `skip`? | write `else fail`, `else skip` or `else dead_letter(SINK)`",
    );
    one(
        faults("from memory(x) | decode text | sink s mode = upsert"),
        "`mode` is `append`, `update` or `complete` | write `mode = update`, or take it away: append is the default",
    );
}

#[test]
fn many_faults_in_one_compile() {
    let found = faults(
        "from memory(x) | decode json as T | fliter a | filter b = 1 | watermark 10sec | filter | select { c, c = 1 } | sink s(k = 1, k = 2)",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn groups_of_one_name() {
    let group = "group_by { a, w = tumbling(1min) }";
    let faults = stages(&format!("watermark 1s | {group} | agg {{ n = count() }} | {group} | agg {{ m = sum(n) }}"));
    one(
        faults,
        "a second group is named \"a, tumbling(1min)\": a checkpoint could not tell their state apart \
         | end one of the two in a name of its own, as in `name \"per_device\"`",
    );
    let named = format!("watermark 1s | {group} | agg {{ n = count() }} | {group} name \"b\" | agg {{ m = sum(n) }}");
    assert!(stages(&named).is_empty());
}

/// A chain over a schema around some stages, up to a sink in a mode.
fn in_mode(middle: &str, mode: &str) -> Vec<String> {
    faults(&format!("from memory(x) | decode json as T | {middle} | sink s mode = {mode}"))
}

#[test]
fn groups_that_do_not_end() {
    let agg = "agg { n = count() }";
    one(
        stages(&format!("watermark 1s | group_by {{ a }} | {agg}")),
        "`group_by` needs a window or a `ttl`: its state would only grow \
         | write `group_by { device_id, window = tumbling(1min) }`, or end it in `ttl 1h`, or in `ttl never` if all keys \
         fit into memory for good",
    );
    one(
        stages(&format!("watermark 1s | group_by {{ a }} ttl never | {agg}")),
        "append mode can never emit these groups: with `ttl never` they do not end \
         | write `mode = update` at the end of `sink`, or `ttl 1h`",
    );
    one(
        stages(agg),
        "append mode can never emit this row: without a `group_by` before it, `agg` is over all rows there will be \
         | write `mode = update` at the end of `sink`, or `| group_by { window = tumbling(1min) }` before it",
    );
    one(
        stages(&format!("group_by {{ a }} ttl 1h | {agg}")),
        "the state of these groups could only grow: `ttl` goes by event time, and there is no `watermark` \
         | add `| watermark 10s` before it",
    );
    one(
        in_mode(&format!("group_by {{ a, w = tumbling(1min) }} | {agg}"), "update"),
        "the state of these groups could only grow: nothing closes their windows \
         | add `| watermark 10s` before it, or write `mode = complete`, which keeps them all",
    );
    one(
        stages(&format!("watermark 1s | group_by {{ a, w = tumbling(1min) }} ttl 1h | {agg}")),
        "groups of a window end with it: there is no place for `ttl` | take it away",
    );
    one(stages(&format!("watermark 1s | group_by {{ a }} ttl | {agg}")), "`ttl` needs a duration | write `ttl 1h`");
    for fine in ["ttl 1h", "ttl {d}", "ttl 1h name \"a\"", "ttl 1h else fail", "ttl 1h else skip name \"a\""] {
        assert_eq!(stages(&format!("watermark 1s | group_by {{ a }} {fine} | {agg}")), [""; 0], "{fine}");
    }
    for mode in ["update", "complete"] {
        assert_eq!(in_mode(&format!("group_by {{ ttl }} ttl never | {agg}"), mode), [""; 0], "{mode}");
        assert_eq!(in_mode(agg, mode), [""; 0], "{mode}");
        assert_eq!(
            in_mode(&format!("watermark 1s | group_by {{ w = tumbling(1s) }} | {agg}"), mode),
            [""; 0],
            "{mode}"
        );
    }
}

#[test]
fn modes_without_a_meaning() {
    let (agg, window) = ("agg { n = count() }", "group_by { a, w = tumbling(1min) }");
    one(
        in_mode("filter a", "update"),
        "`mode = update` needs an `agg`: rows that are not in groups do not change | take it away: append is the default",
    );
    one(
        in_mode(&format!("watermark 1s | {window} name \"a\" | {agg} | {window} name \"b\" | {agg}"), "update"),
        "a second group cannot go on from groups that still change, as they do in `mode = update` \
         | take the mode away, or write a pipeline for each of the two",
    );
    one(
        in_mode(&format!("watermark 1s | group_by {{ a }} ttl 1h | {agg}"), "complete"),
        "`mode = complete` shows every group that there ever was, and `ttl` drops them \
         | write `ttl never`, or `mode = update`",
    );
    one(
        in_mode(&format!("{window} | {agg}"), "complete"),
        "the window does not know the event time: there is no `watermark` \
         | name the column, as in `tumbling(ts, 1min)`, or add `| watermark 10s` before it",
    );
    assert!(in_mode(&format!("group_by {{ a, w = tumbling(ts, 1min) }} | {agg}"), "complete").is_empty());
}

#[test]
fn a_name_after_agg() {
    one(
        stages("watermark 1s | group_by { a, w = tumbling(1min) } | agg { n = count() } name \"a\""),
        "a group is named where it begins | write `group_by { .. } name \"a\"`",
    );
}

#[test]
fn policies_for_late_rows() {
    let (agg, window) = ("agg { n = count() }", "group_by { a, w = tumbling(1min) }");
    one(
        stages(&format!("watermark 1s | {window} else skp | {agg}")).into_iter().take(1).collect(),
        "unknown policy `skp`; did you mean `skip`? | write `else fail`, `else skip` or `else dead_letter(SINK)`",
    );
    one(
        in_mode(&format!("group_by {{ a }} ttl never else fail | {agg}"), "update"),
        "nothing is late for groups that do not end | take the `else` away",
    );
    one(
        in_mode(&format!("watermark 1s | {window} else fail | {agg}"), "complete"),
        "nothing is late in `mode = complete`, which keeps every group | take the `else` away",
    );
    one(
        stages(&format!("watermark 1s | {window} | {agg} | {window} else fail name \"b\" | {agg}")),
        "what is late for a second `group_by` are groups, which are counted | take the `else` away",
    );
}

#[test]
fn several_groups_want_names() {
    let (agg, window) = ("agg { n = count() }", "group_by { a, w = tumbling(1min) }");
    let warnings = |text: &str| {
        let text = format!("from memory(x) | decode json as T | watermark 1s | {text} | sink s");
        expand(tokens(&text)).to_string().matches("deprecated").count()
    };
    assert_eq!(warnings(&format!("{window} | {agg}")), 0);
    assert_eq!(warnings(&format!("{window} | {agg} | group_by {{ w = tumbling(1h) }} | {agg}")), 2);
    assert_eq!(warnings(&format!("{window} name \"a\" | {agg} | group_by {{ w = tumbling(1h) }} | {agg}")), 1);
}
