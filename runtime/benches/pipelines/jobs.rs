//! The jobs as pipelines.

use millstream::prelude::*;

/// What the pipelines read: of eleven fields they use six or three.
#[derive(StreamSchema)]
pub(crate) struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    humidity: f64,
    country: Option<String>,
    status: String,
    battery: i64,
    firmware: String,
    seq: u64,
    lat: f64,
    lon: f64,
}

/// Decode, filter, project six fields, write.
pub(crate) fn etl(input: &str, out: &str) -> Pipeline {
    pipeline! {
        from file({input})
        | decode json as Reading
        | filter temperature > 5.0
        | select { device_id, ts, temperature, country, status, seq }
        | sink parquet({out})
    }
}

/// As [`etl`], of which nothing is left to be written.
pub(crate) fn nothing(input: &str, out: &str) -> Pipeline {
    pipeline! {
        from file({input})
        | decode json as Reading
        | filter temperature > 500.0
        | select { device_id, ts, temperature, country, status, seq }
        | sink parquet({out})
    }
}

/// Minutes of each device.
pub(crate) fn minutes(input: &str, out: &str) -> Pipeline {
    pipeline! {
        from file({input})
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count(), mean = avg(temperature), hottest = max(temperature) }
        | select { device_id, start = window.start, n, mean, hottest }
        | sink parquet({out})
    }
}

/// How often each word occurs.
pub(crate) fn words(input: &str, out: &str) -> Pipeline {
    pipeline! {
        from file({input})
        | decode text
        | explode word = line.split(' ')
        | select { word, at = Timestamp::from_micros(0) }
        | watermark at 10s
        | group_by { word, all = tumbling(at, 1d) }
        | agg { n = count() }
        | select { word, n }
        | sink parquet({out})
    }
}

/// Minutes of each device, in sixteen aggregates of numbers.
pub(crate) fn sixteen(input: &str, out: &str) -> Pipeline {
    pipeline! {
        from file({input})
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg {
            n = count(),
            t_mean = avg(temperature), t_min = min(temperature), t_max = max(temperature),
            h_mean = avg(humidity), h_min = min(humidity), h_max = max(humidity),
            b_sum = sum(battery), b_min = min(battery), b_max = max(battery),
            lat_mean = avg(lat), lat_min = min(lat), lat_max = max(lat),
            lon_mean = avg(lon), lon_min = min(lon), lon_max = max(lon)
        }
        | select {
            device_id, start = window.start, n, t_mean, t_min, t_max, h_mean, h_min, h_max, b_sum, b_min, b_max,
            lat_mean, lat_min, lat_max, lon_mean, lon_min, lon_max
        }
        | sink parquet({out})
    }
}
