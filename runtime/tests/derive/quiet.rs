//! What the derive writes is quiet: no lint of the strict ones speaks of it, whatever the user has in scope.

use super::*;

#[test]
fn made_by_a_macro() {
    let made = read::<Made>(r#"{"value": 1.5, "fixed": 2}"#).unwrap();
    assert_eq!((made.value, made.view(&millstream::schema::Arena::new()).fixed), (1.5, 2));
}

/// Public schemas are documented for `missing_docs`, and private ones are no dead code.
pub mod public {
    use millstream::prelude::*;

    /// A public row.
    #[derive(StreamSchema, Debug)]
    pub struct Row {
        /// Documented.
        pub id: String,
        hidden: i64,
        private: Kind,
    }

    #[derive(StreamSchema)]
    struct OnlyDecoded {
        id: String,
        kind: Kind,
    }

    #[derive(StreamSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Kind {
        One,
        Two,
    }

    /// Decodes and looks at nothing.
    pub fn columns() -> usize {
        <OnlyDecoded as millstream::schema::StreamSchema>::FIELDS.len()
    }
}

#[test]
fn no_dead_code() {
    assert_eq!(public::columns(), 2);
}

#[test]
fn rows_of_a_pipeline() {
    use millstream::agg;
    use millstream::operator::WindowSpec;
    use millstream::operator::reduce::KeyedSpec;
    used!(Used, "location.lat", "status", "mode", "device_id");

    #[derive(Clone, Copy)]
    struct Out<A, B, C, D, E> {
        status: A,
        mode: B,
        window: C,
        n: D,
        last: E,
    }
    millstream::row!(OutBuilders, Out { status: A, mode: B, window: C, n: D, last: E });

    let _ = millstream::pipeline::from(millstream::source::memory([READING]))
        .decode::<Reading, Used, _>(millstream::decode::json())
        .else_skip()
        .watermark(secs(10))
        .keyed(
            KeyedSpec {
                name: "status, mode".to_owned(),
                keys: &["status", "mode"],
                window_name: "window",
                values: &["n", "last"],
                window: WindowSpec::tumbling(secs(60)),
            },
            |record, input, out| {
                input.open(record.data);
                while let Some(row) = input.next() {
                    let at = input.watermark(row.event_time());
                    let lat = row.location.lat + row.previous.map_or(0.0, |point| point.lon);
                    if lat > 0.0 && row.status == Status::Ok {
                        out.update((row.status, row.mode), at, (agg::count(), agg::last(row.device_id)));
                    }
                }
            },
        )
        .rows(|group, _, out| {
            let (status, mode) = group.key;
            let (n, last) = group.values;
            out.emit(Out { status, mode, window: group.window, n, last });
        })
        .sink(millstream::sink::collect());
}
