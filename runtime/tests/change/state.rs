//! State that is made to be that of another pipeline: widened, renamed, migrated, dropped.

use std::sync::atomic::{AtomicBool, Ordering};

use millstream::agg::{Arena, Finish, Update, saved};
use millstream::prelude::*;
use millstream::schema::At;
use millstream::sink::collect::Collect;

use super::{ALL, OLD, World, all, at, counting, input, key, windows};

#[derive(StreamSchema)]
struct Wide {
    key: String,
    other: Option<String>,
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
    value: i64,
}

#[test]
fn keys_and_accumulators_are_widened() {
    let narrow = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { third = value % 3, other, w = tumbling(10min) } name "per key"
            | agg { n = count(), most = max(value), sums = sum(value), kinds = count_distinct(value) }
            | select { key = format!("{third} {other} {most} {kinds} {sums}"), start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    // i32 to i64 as a key and in accumulators, text to text that may be missing, and the keys in another order.
    let wide = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Wide | watermark 1min
            | group_by { other, third = value % 3, w = tumbling(10min) } name "per key"
            | agg { kinds = count_distinct(value), most = max(value), n = count(), sums = sum(value) }
            | select {
                key = format!("{third} {} {most} {kinds} {sums}", other.unwrap_or("")), start = w.start.secs(), n
            }
            | sink rows.clone()
        }
    };
    let whole = World { folder: tempfile::tempdir().unwrap(), rows: millstream::sink::collect() };
    let expected = whole.on(narrow);
    assert!(expected.len() > 9);
    let world = World::after(narrow);
    assert_eq!(world.on(wide), expected);
    // Not back again.
    let world = World::after(wide);
    world.refused(narrow, "C15", "the key `third` of `per key` was Int64, is Int32", "--drop-state");
}

#[test]
fn a_column_and_a_stage_keep_their_state_under_new_names() {
    let renamed = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { name = key, w = tumbling(10min) } name "per name" | agg { many = count() }
            | select { key = name, start = w.start.secs(), n = many }
            | sink rows.clone()
        }
    };
    let world = World::after(counting);
    let told = |rows: &Collect| {
        let pipeline = renamed(rows).renamed_stage("per key", "per name");
        pipeline.renamed_column("per name", "key", "name").renamed_column("per name", "n", "many")
    };
    world.refused(
        |rows| renamed(rows).renamed_stage("per key", "per name"),
        "C15",
        "the key `key` of `per name` is gone",
        "undo",
    );
    world.once(told(&world.rows)).unwrap();
    // From now on nothing need be said.
    assert_eq!(world.on(renamed), all());
}

#[derive(StreamSchema)]
struct Old {
    key: String,
    n: saved::Count,
}

#[derive(StreamSchema)]
struct New {
    initial: String,
    length: i64,
    n: saved::Count,
    total: saved::Sum,
}

fn migrated(rows: &Collect) -> Pipeline {
    pipeline! {
        from memory(input()) | decode json as super::Tick | watermark 1min
        | group_by { initial = key[..1].to_owned(), length = key.len() as i64, w = tumbling(10min) } name "per key"
        | agg { n = count(), total = sum(1i64) }
        | select { key = format!("{initial}{length}{}", total == n), start = w.start.secs(), n }
        | sink rows.clone()
    }
}

/// Groups of which a migration makes one are merged, those it has no count for get it from the old ones.
fn migrating(rows: &Collect) -> Pipeline {
    migrated(rows).migrate("per key", |old: Old| New {
        initial: old.key[..1].to_owned(),
        length: old.key.len() as i64,
        total: saved::Sum { total: i128::from(old.n.count).into(), some: true },
        n: old.n,
    })
}

#[test]
fn a_migration_makes_the_groups_once() {
    let merged = |n| format!("k{}true", key(n).len());
    let world = World::after(counting);
    world.refused(migrated, "C15", "the key `key` of `per key` is gone", ".migrate(\"per key\"");
    assert_eq!(world.on(migrating), windows(0..ALL, merged));
    // It may stay: a second start has nothing to migrate, and a first one neither.
    let fresh = World { folder: tempfile::tempdir().unwrap(), rows: millstream::sink::collect() };
    assert_eq!(fresh.on(migrating), windows(0..ALL, merged));
}

#[test]
fn a_migration_that_does_not_fit_is_refused() {
    let world = World::after(counting);
    let takes_another = |rows: &Collect| migrated(rows).migrate("per key", |old: New| old);
    world.refused(
        takes_another,
        "C22",
        "what the migration of `per key` takes was key String, n ",
        "a field for each column",
    );
    let gives = |rows: &Collect| migrated(rows).migrate("per key", |old: Old| old);
    let error = world.once(gives(&world.rows)).unwrap_err();
    assert!(error.message().contains("the migration of the keyed stage `per key` gives key String"), "{error}");
    let nowhere = |rows: &Collect| migrated(rows).migrate("per kye", |old: Old| old);
    assert!(world.once(nowhere(&world.rows)).unwrap_err().advice().unwrap().contains("`per key`"));
    // A panic changes nothing, and the next start can do it.
    let panics = |rows: &Collect| migrated(rows).migrate("per key", |old: Old| -> New { panic!("no {}", old.key) });
    let error = world.once(panics(&world.rows)).unwrap_err();
    assert!(error.message().contains("panicked"), "{error}");
    assert_eq!(world.on(migrating), windows(0..ALL, |n| format!("k{}true", key(n).len())));
}

/// How many rows there are, by an aggregate that can be merged most of the time.
#[derive(StreamSchema, Clone, Default)]
struct Touchy {
    rows: i64,
}

static TOUCHED: AtomicBool = AtomicBool::new(false);

fn touchy() -> One {
    One
}

struct One;

impl Update for One {
    type State = Touchy;
    fn apply(self, state: &mut Touchy, _at: At) {
        state.rows += 1;
    }
}

impl Finish for Touchy {
    type Out<'a> = i64;
    fn finish(&self, _arena: &Arena) -> millstream::Result<i64> {
        Ok(self.rows)
    }
    fn merge(&mut self, other: Self) {
        assert!(!TOUCHED.load(Ordering::Relaxed), "not in this mood");
        self.rows += other.rows;
    }
}

#[derive(StreamSchema)]
struct ByKey {
    key: String,
    n: Touchy,
}

#[derive(StreamSchema)]
struct ByInitial {
    initial: String,
    n: Touchy,
}

/// Nothing is changed, and a start of a better build can do it.
#[test]
fn an_aggregate_that_panics_while_groups_become_one_ends_the_start_by_name() {
    let old = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = touchy() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let new = |rows: &Collect| {
        let new = pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { initial = key[..1].to_owned(), w = tumbling(10min) } name "per key" | agg { n = touchy() }
            | select { key = initial, start = w.start.secs(), n }
            | sink rows.clone()
        };
        new.migrate("per key", |old: ByKey| ByInitial { initial: old.key[..1].to_owned(), n: old.n })
    };
    let world = World::after(old);
    TOUCHED.store(true, Ordering::Relaxed);
    let error = world.once(new(&world.rows)).unwrap_err();
    TOUCHED.store(false, Ordering::Relaxed);
    assert_eq!(error.kind().exit_code(), 70, "{error}");
    for words in ["the keyed stage `per key` panicked: not in this mood", "nothing was changed"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(world.on(new), windows(0..ALL, |_| "k".to_owned()));
}

/// Whichever call a start dies at that migrates: no row is lost, none is doubled.
#[test]
fn a_crash_in_the_middle_of_a_migration_loses_nothing() {
    let lines: Vec<String> = input().into_iter().take(12).collect();
    let old = pipeline! {
        from memory(lines.clone()) | decode json as super::Tick | watermark 1min
        | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink parquet("out")
    };
    let new = pipeline! {
        from memory(lines.clone()) | decode json as super::Tick | watermark 1min
        | group_by { initial = key[..1].to_owned(), length = key.len() as i64, w = tumbling(10min) } name "per key"
        | agg { n = count(), total = sum(1i64) }
        | select { key = initial, start = w.start.secs(), n }
        | sink parquet("out")
    };
    let new = new.migrate("per key", |old: Old| New {
        initial: old.key[..1].to_owned(),
        length: old.key.len() as i64,
        total: saved::Sum { total: i128::from(old.n.count).into(), some: true },
        n: old.n,
    });
    let set = |pipeline: Pipeline| pipeline.checkpoint("log").max_rows_per_epoch(5);
    let old = set(old).trigger(Trigger::Once);
    let report = set(new).crash_test().after(&old).power_cuts(1).run().unwrap();
    println!("{report}");
    assert!(report.deaths > 60, "{report}");
}

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
enum Two {
    #[stream(rename = "o0")]
    Zero,
    #[stream(rename = "o1")]
    One,
}

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
enum Three {
    #[stream(rename = "o2")]
    Two,
    #[stream(rename = "o0")]
    Zero,
    #[stream(rename = "o1")]
    One,
}

#[derive(StreamSchema)]
struct OfTwo {
    other: Two,
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
}

#[derive(StreamSchema)]
struct OfThree {
    other: Three,
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
}

#[test]
fn an_enum_may_get_variants() {
    let lines = || input().into_iter().enumerate().filter(|(n, _)| *n > OLD + 60 || n % 3 < 2).map(|(_, line)| line);
    let two = |rows: &Collect| {
        pipeline! {
            from memory(lines().collect::<Vec<_>>()) | decode json as OfTwo else skip | watermark 1min
            | group_by { other, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key = format!("{}", other == Two::Zero), start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let three = |rows: &Collect| {
        pipeline! {
            from memory(lines().collect::<Vec<_>>()) | decode json as OfThree else skip | watermark 1min
            | group_by { other, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select {
                key = match other { Three::Zero => "true".to_owned(), Three::One => "false".to_owned(), Three::Two => "two".to_owned() },
                start = w.start.secs(), n
            }
            | sink rows.clone()
        }
    };
    let whole = World { folder: tempfile::tempdir().unwrap(), rows: millstream::sink::collect() };
    let expected = whole.on(three);
    assert_eq!(World::after(two).on(three), expected);
    // Not back again: a group of the removed variant is told of.
    let world = World { folder: tempfile::tempdir().unwrap(), rows: millstream::sink::collect() };
    let once = three(&world.rows).max_rows_per_epoch(200).trigger(Trigger::Once).checkpoint(world.log());
    assert!(!once.run_blocking().unwrap().drained);
    let error = world.once(two(&world.rows)).unwrap_err();
    assert_eq!(error.kind().exit_code(), 78, "{error}");
    assert!(error.to_string().contains("a value in `other` that this pipeline's type cannot hold"), "{error}");
    assert!(error.advice().unwrap().contains("every variant"), "{error:?}");
}

#[test]
fn state_that_fits_is_not_dropped_again() {
    // `drop_state` only lets go of what does not fit: here nothing.
    let world = World::after(counting);
    assert_eq!(world.on(|rows| counting(rows).drop_state("per key")), all());
    // Here the window: it is dropped once, and a start with the same words goes on.
    let other = |rows: &Collect| {
        let pipeline = pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(20min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        };
        pipeline.drop_state("per key")
    };
    let world = World::after(counting);
    let found = world.on(other);
    let ended = windows((0..ALL).filter(|n| *n < OLD && at(*n) < (at(OLD - 1) - 60) / 600 * 600), key);
    let rows: i64 = found.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum();
    let of_ended: i64 = ended.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum();
    assert_eq!(rows, of_ended + (ALL - OLD) as i64);
}
