//! A schema's row with changes that is not what was declared.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::prelude::*;
use shared::Reading;

#[derive(StreamSchema)]
struct Dated {
    device_id: String,
    ts: Timestamp,
    temperature: f64,
    country: Option<String>,
    date: Date,
}

#[derive(StreamSchema)]
struct Other {
    device_id: String,
    ts: Timestamp,
    temperature: String,
    country: Option<String>,
}

struct Bare {
    device_id: String,
}

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | sink {rows.clone()} as Dated };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | sink {rows.clone()} as Other };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | drop { ts } | select { .., date = 1 } as Dated | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { .., day = ts.date() } | sink {rows.clone()} as Reading };
    let _ = pipeline! { from memory(["{}"]) | decode json as Dated | sink {rows.clone()} as Reading };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { .., device_id = 1 } | sink {rows.clone()} as Reading };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id } as Bare | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | select { .., n = 1 } | sink rows as Reading };
}
