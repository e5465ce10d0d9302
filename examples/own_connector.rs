//! A source, a format and a sink of one's own. What one writes for the first two is whole in `own/source.rs` and
//! `own/format.rs`; the sink adds to items by the idempotency key, as one would in DynamoDB.
//!
//! The table goes away within the second epoch. The next run hands over that epoch again, and nothing is added twice.
//! `cargo run --example own_connector` prints:
//!
//! ```text
//! the table does not answer; start again once it does
//! {"kettle": Item { total: 120.5, last: (2, 0) }, "toaster": Item { total: 180.5, last: (1, 1) }}
//! 2 rows in = 2 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 2 rows out in 1 epoch
//! {"kettle": Item { total: 121.0, last: (3, 0) }, "toaster": Item { total: 280.0, last: (3, 1) }}
//! ```

use millstream::prelude::*;
use millstream::sink::{Token, Writer};
use millstream_examples::own::{Table, meter, pairs};
use millstream_examples::{end, fresh_folder, say};

/// What the sink takes.
#[derive(StreamSchema)]
struct Used {
    name: String,
    value: f64,
}

/// The sink: a row is added once, as after a crash it is handed over with the same epoch and number.
struct Totals {
    table: Table,
    epoch: u64,
}

impl Writer<Used> for Totals {
    fn open(&mut self, token: &Token) -> millstream::Result<()> {
        self.epoch = token.epoch;
        Ok(())
    }
    fn process(&mut self, row: Used, ordinal: u64) -> millstream::Result<()> {
        self.table.add_once(row.name, row.value, (self.epoch, ordinal))
    }
    fn close(&mut self) -> millstream::Result<()> {
        Ok(())
    }
}

pub(crate) fn pipeline(table: Table) -> Pipeline {
    pipeline! { from meter() | decode pairs | select { name, value } | sink foreach({Totals { table, epoch: 0 }}) }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let (folder, table) = (fresh_folder("own_connector"), Table::default());
    let run = || pipeline(table.clone()).checkpoint(folder.as_str()).max_rows_per_epoch(2).run();
    table.goes_away_after(3);
    let lost = run().await.err();
    say(format_args!("{}\n{table}", lost.map_or_else(String::new, |error| error.to_string())))?;
    end(run().await)?;
    say(table)
}
