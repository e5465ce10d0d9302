//! Nested JSON, flattened: a row for each item of an order, broken orders set aside. `cargo run --example nested_etl`:
//!
//! ```text
//! writing to target/out/nested_etl-1; `-- target/out/nested_etl-1` goes on there
//! 4 rows in = 3 used + 0 filtered + 0 late + 0 skipped + 1 dead letters; 3 rows out in 1 epoch
//! ...
//!  column `items.price`: expected a number, found a string at byte 100 (TYPE) | 2
//! ...
//! ```

use millstream::prelude::*;
use millstream_examples::{end, table};

#[derive(StreamSchema)]
struct Order {
    id: u64,
    #[stream(event_time)]
    ts: Timestamp,
    customer: Customer,
    items: Vec<Item>,
}

#[derive(StreamSchema)]
struct Customer {
    name: String,
    country: Option<String>,
}

#[derive(StreamSchema)]
struct Item {
    sku: String,
    price: f64,
    #[stream(default = 1)]
    count: u32,
}

const ORDERS: [&str; 3] = [
    r#"{"id": 1, "ts": "2026-01-01T10:00:00Z", "customer": {"name": "Ada"}, "items": [{"sku": "flour", "price": 1.2, "count": 3}]}"#,
    r#"{"id": 2, "ts": "2026-01-02T11:00:00Z", "customer": {"name": "Bo", "country": "NO"}, "items": [{"sku": "rye", "price": 2}, {"sku": "oat", "price": 3}]}"#,
    r#"{"id": 3, "ts": "2026-01-01T12:00:00Z", "customer": {"name": "Cy"}, "items": [{"sku": "x", "price": "free"}]}"#,
];

pub(crate) fn pipeline(out: &str) -> Pipeline {
    pipeline! {
        from memory({ORDERS})
        | decode json as Order else dead_letter(parquet({format!("{out}/bad")}))
        | explode item = items
        | select { date = ts.date(), order = id, customer = customer.name, country = customer.country,
                   sku = item.sku, amount = item.price * item.count as f64 }
        | sink parquet({format!("{out}/rows")}, partition_by = [date])
    }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let out = millstream_examples::folder("nested_etl")?;
    end(pipeline(&out).checkpoint(format!("{out}/_checkpoint")).run().await)?;
    table::show(&format!("{out}/rows"), &["order", "sku", "amount"])?;
    table::show(&format!("{out}/bad"), &["sequence_number", "error"])
}
