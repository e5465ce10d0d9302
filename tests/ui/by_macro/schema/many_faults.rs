use millstream::prelude::*;

#[derive(StreamSchema)]
#[stream(rename_all = "camel_case", deny_unknown_fields)]
struct Reading {
    #[stream(event_tyme)]
    device_id: String,
    #[stream(event_time, format = "epoch_ms")]
    ts: Timestamp,
    #[stream(event_time)]
    seen: Timestamp,
    #[stream(rename = device_id)]
    firmware: String,
    #[stream(rename = "seen", rename = "saw", default)]
    count: u32,
}

// What is not at fault works: no second error here.
fn columns(row: ReadingView<'_>) -> (&str, u32) {
    (row.device_id, row.count)
}

fn main() {}
