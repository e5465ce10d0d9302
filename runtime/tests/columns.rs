//! Columns of `Decimal`, `Duration` and types of the user's own, in whole pipelines.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};
use millstream::prelude::*;
use millstream::schema::Window;

type Money = Decimal<18, 4>;

#[derive(StreamSchema, Debug, PartialEq)]
struct Order {
    #[stream(event_time)]
    ts: Timestamp,
    shop: Shop,
    price: Money,
    #[stream(default = Decimal::of("0.0750"))]
    share: Decimal<5, 4>,
    #[stream(alias = "t")]
    took: Option<Duration>,
    #[stream(format = ms, default)]
    queued: Duration,
    #[stream(format = seconds)]
    shown: Option<Duration>,
    parts: Vec<Decimal<6, 2>>,
    fees: BTreeMap<String, Option<Money>>,
    steps: Vec<Duration>,
    delivery: Option<Delivery>,
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Delivery {
    cost: Money,
    after: Duration,
    shops: Vec<Shop>,
}

/// A column type of one's own.
#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Shop(String);

const FULL: &str = r#"{
    "ts": "2026-01-01T00:00:00Z", "shop": "a", "price": 19.90, "share": "1", "t": "PT1M30S", "queued": 250, "shown": 0.5,
    "parts": [1, 2.50, "-3.75"], "fees": {"card": 0.0001, "none": null}, "steps": ["1s", "0.5min"],
    "delivery": {"cost": 5e-1, "after": "1d", "shops": ["b", "c"]}
}"#;

fn plain(second: u64, price: &str) -> String {
    let ts = format!("2026-01-01T00:00:{second:02}Z");
    format!(r#"{{"ts": "{ts}", "shop": "a", "price": {price}, "parts": [], "fees": {{}}, "steps": []}}"#)
}

fn all() -> Pipeline {
    pipeline! { from memory(["{}"]) | decode json as Order else dead_letter(collect()) | sink collect() }
}

#[test]
fn a_record_of_everything() {
    let mut run = all().test();
    run.push([FULL.to_owned(), plain(1, "1")]).unwrap().end().unwrap();
    let batches = run.batches();
    let schema = batches[0].schema();
    let of = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
    assert_eq!(of("price"), DataType::Decimal128(18, 4));
    assert_eq!(of("took"), DataType::Duration(TimeUnit::Microsecond));
    assert_eq!(of("shop"), DataType::Utf8);

    let rows: Vec<Order> = millstream::schema::batch::read_rows(&batches).unwrap();
    let shop = |name: &str| Shop(name.to_owned());
    let expected = Order {
        ts: "2026-01-01T00:00:00Z".parse().unwrap(),
        shop: shop("a"),
        price: Decimal::of("19.9"),
        share: Decimal::of("1"),
        took: Some(secs(90)),
        queued: millis(250),
        shown: Some(millis(500)),
        parts: ["1", "2.5", "-3.75"].map(Decimal::of).to_vec(),
        fees: [("card".to_owned(), Some(Decimal::of("0.0001"))), ("none".to_owned(), None)].into(),
        steps: vec![secs(1), secs(30)],
        delivery: Some(Delivery { cost: Decimal::of("0.5"), after: hours(24), shops: vec![shop("b"), shop("c")] }),
    };
    assert_eq!(rows[0], expected);
    let Order { share, took, queued, delivery, .. } = &rows[1];
    assert_eq!((*share, *took, *queued, delivery), (Decimal::of("0.075"), None, Duration::ZERO, &None));
}

#[test]
fn what_is_no_such_value_is_a_fault() {
    // What stands in the place of the price, and what is said about it.
    let prices = [
        (
            "1.00001",
            "column `price`: expected a number of at most 14 digits before the point and 4 behind it, found `1.00001`",
            "RANGE",
        ),
        ("100000000000000", "found `100000000000000`", "RANGE"),
        ("\"1e99\"", "found `\"1e99\"`", "RANGE"),
        ("\"1,5\"", "found `\"1,5\"`", "TYPE"),
        ("true", "found a bool", "TYPE"),
        ("null", "found null", "TYPE"),
        ("1.", "expected a number", "JSON_SYNTAX"),
    ];
    for (price, said, code) in prices {
        let mut run = all().test();
        run.push([plain(0, price)]).unwrap();
        let dead = run.dead_letters();
        assert_eq!(dead.len(), 1, "{price}");
        assert!(dead[0].error.contains(said) && dead[0].code == code, "{price}: {} {}", dead[0].error, dead[0].code);
    }
    for field in [
        r#""took": "-1s""#,
        r#""took": 5"#,
        r#""took": "5 minutes""#,
        r#""queued": -1"#,
        r#""queued": 9223372036854775807"#,
        r#""shown": -0.5"#,
        r#""shown": 1e300"#,
        r#""shop": 5"#,
    ] {
        let mut run = all().test();
        run.push([plain(0, "1").replace(
            r#""shop": "a""#,
            &format!(r#""shop": "a", {field}"#).replace(r#""shop": "a", "shop""#, r#""shop""#),
        )])
        .unwrap();
        let dead = run.dead_letters();
        assert!(
            dead.len() == 1 && ["TYPE", "RANGE"].contains(&dead[0].code.as_str()),
            "{field}: {:?}",
            dead.first().map(|dead| &dead.error)
        );
    }
}

#[test]
fn decimals_are_read_digit_by_digit() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Row {
        n: Decimal<38, 18>,
    }
    let pipeline = pipeline! { from memory(["{}"]) | decode json as Row | sink collect() };
    let texts = [
        "99999999999999999999.999999999999999999",
        "-0.000000000000000001",
        "12345678901234567890.123456789012345678",
        "0",
    ];
    let mut run = pipeline.test();
    let bare = texts.map(|text| format!(r#"{{"n": {text}}}"#));
    let quoted = texts.map(|text| format!(r#"{{"n": "{text}"}}"#));
    run.push(bare).unwrap().push(quoted).unwrap().end().unwrap();
    let rows: Vec<Row> = run.rows().unwrap();
    let expected = texts.map(|text| Row { n: Decimal::of(text) });
    assert_eq!((&rows[..4], &rows[4..]), (&expected[..], &expected[..]));
    assert_eq!(rows[0].n, Decimal::MAX);
}

#[test]
fn expressions_keys_and_aggregates() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        price: Money,
        half: bool,
        shop: Shop,
        total: Decimal<38, 4>,
        mean: f64,
        least: Money,
        latest: Option<Duration>,
        spread: Option<f64>,
        took: Option<Duration>,
        mean_took: Option<Duration>,
        longest: Option<Duration>,
        lengths: i64,
        prices: Vec<Money>,
        tooks: Vec<Duration>,
        best: Option<Duration>,
        doubled: Decimal<38, 4>,
        with_share: Option<Decimal<18, 8>>,
        late: Timestamp,
        wait: Duration,
    }
    let limit = Money::of("50");
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Order
        | filter price < {limit} && price != 7 && took.is_none_or(|took| took < 5min)
        | watermark 10s
        | group_by { price, half = price.round::<18, 0>() == price.rescale(), wait = took.unwrap_or(1min), shop, w = tumbling(1min) }
        | agg {
            total = sum(price), mean = avg(price), least = min(price), latest = last(took), spread = stddev(price),
            took = sum(took), mean_took = avg(took), longest = max(took), lengths = count_distinct(took),
            prices = collect(price), tooks = collect(took), best = min_by(took, price)
        }
        | select {
            price, half, shop, total, mean, least, latest, spread, took, mean_took, longest, lengths, prices, tooks, best,
            doubled = price + price * 1, with_share = price.checked_mul::<5, 4, 18, 8>({Decimal::<5, 4>::of("0.5")}),
            late = w.start + wait, wait
        }
        | sink collect() as Out
    };
    let mut run = pipeline.test();
    let slow = |text: String, took: &str| text.replace("\"parts\"", &format!("\"took\": \"{took}\", \"parts\""));
    run.push([
        slow(plain(3, "2.5"), "60s"),
        slow(plain(5, "2.50"), "1min"),
        slow(plain(4, "\"0.25e1\""), "1m"),
        plain(2, "2.5"),
        plain(1, "7"),
        plain(1, "50"),
        slow(plain(1, "1"), "5min"),
    ])
    .unwrap()
    .end()
    .unwrap();
    let rows: Vec<Out> = run.rows().unwrap();
    let price = Money::of("2.5");
    let minute = Some(mins(1));
    let expected = Out {
        price,
        half: false,
        shop: Shop("a".to_owned()),
        total: Decimal::of("10"),
        mean: 2.5,
        least: price,
        latest: minute,
        spread: Some(0.0),
        took: Some(mins(3)),
        mean_took: minute,
        longest: minute,
        lengths: 1,
        prices: vec![price; 4],
        tooks: vec![mins(1); 3],
        // The first row of the price by event time has none.
        best: None,
        doubled: Decimal::of("5"),
        with_share: Some(Decimal::of("1.25")),
        late: "2026-01-01T00:01:00Z".parse().unwrap(),
        wait: mins(1),
    };
    assert_eq!(rows, [expected]);
}

#[test]
fn f_044_sums_are_exact_and_never_wrap() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Amount {
        #[stream(event_time)]
        ts: Timestamp,
        units: Decimal<38, 0>,
    }
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        total: Decimal<38, 0>,
        mean: f64,
    }
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Amount
        | watermark 10s
        | group_by { w = tumbling(1min) }
        | agg { total = sum(units), mean = avg(units) }
        | drop { w }
        | sink collect()
    };
    let most = Decimal::<38, 0>::MAX.to_string();
    let record = |units: &str| format!(r#"{{"ts": "2026-01-01T00:00:00Z", "units": {units}}}"#);
    // Far beyond 128 bits in between.
    let mut units = vec![most.clone(); 7];
    units.extend(vec![format!("-{most}"); 6]);
    units.push("-9".to_owned());
    let mut run = pipeline.test();
    run.push(units.iter().map(|units| record(units))).unwrap().end().unwrap();
    let rows: Vec<Out> = run.rows().unwrap();
    let total = Decimal::of("99999999999999999999999999999999999990");
    assert_eq!(rows, [Out { total, mean: 1e38 / 14.0 }]);

    let mut run = pipeline.test();
    let Err(error) = run.push([record(&most), record("1")]).unwrap().end() else { panic!("10^38 is out of range") };
    assert!(error.to_string().contains("a sum is out of the range of 38 digits"), "{error}");
}

/// A window is a column as any other: of a row that is declared, of rows that are read back, and of what a pipeline wrote.
#[test]
fn a_window_is_a_field() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct PerMinute {
        shop: Shop,
        window: Window,
        n: i64,
    }
    let counts = pipeline! {
        from memory(["{}"])
        | decode json as Order
        | watermark 10s
        | group_by { shop, window = tumbling(1min) }
        | agg { n = count() }
        | sink collect() as PerMinute
    };
    let mut run = counts.test();
    run.push([plain(1, "1"), plain(2, "2")]).unwrap().end().unwrap();
    let at = |text: &str| text.parse().unwrap();
    let window = Window { start: at("2026-01-01T00:00:00Z"), end: at("2026-01-01T00:01:00Z") };
    let expected = PerMinute { shop: Shop("a".to_owned()), window, n: 2 };
    assert_eq!(run.rows::<PerMinute>().unwrap(), [expected]);

    let read = pipeline! {
        from memory(["{}"])
        | decode json(strict) as PerMinute else skip
        | filter window.last_instant() > window.start
        | sink collect() as PerMinute
    };
    let record = |window: &str| format!(r#"{{"shop": "a", "window": {window}, "n": 2}}"#);
    let (start, end) = (r#""start": "2026-01-01T00:00:00Z""#, r#""end": "2026-01-01T00:01:00Z""#);
    let mut run = read.test();
    let wrong = [format!("{{{start}}}"), format!("{{{start}, {end}, {end}}}"), "null".to_owned(), "\"now\"".to_owned()];
    run.push([record(&format!("{{{end}, \"more\": 1, {start}}}"))]).unwrap();
    run.push(wrong.iter().map(|window| record(window))).unwrap().end().unwrap();
    let rows: Vec<PerMinute> = run.rows().unwrap();
    assert_eq!((rows.len(), rows[0].window, run.counts().skipped), (1, window, 4));
}
