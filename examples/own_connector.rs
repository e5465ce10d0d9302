//! A sink of one's own, fed from a source and a format of one's own (`pairs/mod.rs`).
//!
//! `cargo run --example own_connector` prints:
//!
//! ```text
//! {"kettle": 99.0, "toaster": 180.5}
//! 3 rows in = 3 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 3 rows out in 1 epoch
//! ```

use std::collections::{BTreeMap, HashSet};

use millstream::prelude::*;
use millstream::sink::Token;
use millstream::sink::foreach::Writer;

/// What the sink takes.
#[derive(StreamSchema)]
struct Item {
    name: String,
    value: f64,
}

/// A table that is written to by key, as one would into DynamoDB. A row that is handed over again after a crash has the
/// same idempotency key, and is not written again.
#[derive(Default)]
struct Table {
    rows: BTreeMap<String, f64>,
    seen: HashSet<String>,
    epoch: String,
}

impl Writer<Item> for Table {
    fn open(&mut self, token: &Token) -> millstream::Result<()> {
        self.epoch = token.to_string();
        Ok(())
    }
    fn process(&mut self, item: Item, ordinal: u64) -> millstream::Result<()> {
        if self.seen.insert(format!("{}/{ordinal}", self.epoch)) {
            self.rows.insert(item.name, item.value);
        }
        Ok(())
    }
    fn close(&mut self) -> millstream::Result<()> {
        millstream_examples::say(format_args!("{:?}", self.rows))
    }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let pipeline = pipeline! {
        from millstream_examples::pairs::device()
        | decode millstream_examples::pairs::pairs
        | select { name, value }
        | sink foreach({Table::default()})
    };
    millstream_examples::end(pipeline.run().await)
}
