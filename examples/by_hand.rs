//! The job of `iot_to_parquet`, and what it prints, without the macro: what `pipeline!` writes can be written by hand.

use millstream::{agg::avg, agg::count, agg::max, operator::Group, operator::WindowSpec, prelude::*, schema::All};
use millstream::{decode::json, operator::reduce::KeyedSpec, pipeline::from, sink::parquet, source::kinesis};
use millstream_examples::{readings, stream::Input, table};

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    status: String,
}

#[derive(Clone, Copy)]
struct Row<A, B, C, D, E, F> {
    device_id: A,
    window: B,
    n: C,
    avg_temp: D,
    hottest: E,
    date: F,
}
millstream::row!(Rows, Row { device_id: A, window: B, n: C, avg_temp: D, hottest: E, date: F });

pub(crate) fn pipeline(input: &Input) -> Pipeline {
    let (stream, region, profile, endpoint) = input.options();
    let (name, keys, values) = ("per_device".to_owned(), &["device_id"], &["n", "avg_temp", "hottest"]);
    from(kinesis(stream).region(region).profile(profile).endpoint(endpoint).start(kinesis::trim_horizon))
        .decode::<Reading, All, _>(json())
        .else_dead_letter(parquet(input.folder("bad")))
        .watermark(secs(10))
        .keyed(
            KeyedSpec { name, keys, window_name: "window", values, window: WindowSpec::tumbling(mins(1)) },
            |record, input, out| {
                input.open(record.data);
                while let Some(row) = input.next() {
                    if row.status == "ok" && row.temperature > -40.0 {
                        let at = input.watermark(row.ts);
                        out.update((row.device_id,), at, (count(), avg(row.temperature), max(row.temperature)));
                    } else {
                        input.filtered();
                    }
                }
            },
        )
        .rows(|Group { key: (device_id,), window, values: (n, avg_temp, hottest), .. }, _, out| {
            out.emit(Row { device_id, window, n, avg_temp, hottest, date: window.start.date() });
        })
        .sink(parquet(input.folder("readings")).partition_by(&["date"]))
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let input = Input::from_args("by_hand")?;
    input.put(readings()).await?;
    input.run(pipeline(&input)).await?;
    table::show(&input.folder("readings"), &["window", "device_id", "n", "avg_temp", "hottest"])
}
