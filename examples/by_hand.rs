//! The job of `iot_to_parquet`, and what it prints, without the macro: what `pipeline!` writes can be written by hand.

use millstream::agg::{avg, count, max};
use millstream::operator::{WindowSpec, reduce::KeyedSpec};
use millstream::prelude::*;
use millstream::{decode::json, pipeline::from, schema::All, sink::parquet, source::kinesis};
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

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let input = Input::from_args("by_hand")?;
    input.put(readings()).await?;
    let ((stream, region, profile, endpoint), out) = (input.options(), input.folder("readings"));
    let (name, keys, values) = ("per_device".to_owned(), &["device_id"], &["n", "avg_temp", "hottest"]);
    let source = kinesis(stream).region(region).profile(profile).endpoint(endpoint).start(kinesis::trim_horizon);
    let pipeline = from(source)
        .decode::<Reading, All, _>(json())
        .else_dead_letter(parquet(input.folder("bad")))
        .watermark(secs(10))
        .keyed(
            KeyedSpec { name, keys, window_name: "window", values, window: WindowSpec::tumbling(mins(1)) },
            |record, input, out| {
                input.open(record.data);
                while let Some(row) = input.next() {
                    if row.status != "ok" || row.temperature <= -40.0 {
                        input.filtered();
                        continue;
                    }
                    let at = input.watermark(row.ts);
                    out.update((row.device_id,), at, (count(), avg(row.temperature), max(row.temperature)));
                }
            },
        )
        .rows(|group, _, out| {
            let ((device_id,), window, (n, avg_temp, hottest)) = (group.key, group.window, group.values);
            out.emit(Row { device_id, window, n, avg_temp, hottest, date: window.start.date() });
        })
        .sink(parquet(out.as_str()).partition_by(&["date"]));
    input.run(pipeline).await.and_then(|()| table::show(&out, &["window", "device_id", "n", "avg_temp", "hottest"]))
}
