//! How often each word is said per minute, from the text records of a Kinesis stream.
//!
//! `cargo run --example wordcount` reads sample records from a server in the process. Yours are read with
//! `-- --stream NAME --region REGION --profile PROFILE`, and `--produce` puts the samples there first.
//!
//! ```text
//! epoch 1, 22 rows
//!  minute               | word   | n
//! ----------------------+--------+---
//!  2026-01-01T00:00:00Z | and    | 2
//!  2026-01-01T00:00:00Z | bread  | 2
//!  2026-01-01T00:00:00Z | flour  | 4
//! ...
//! 90 rows in = 90 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 22 rows out in 1 epoch; 11 keys in windows still open, since the watermark stands at 2026-01-01T00:02:30Z
//! ```

use millstream::prelude::*;
use millstream_examples::{end, sentences, stream::Input};

/// The pipeline; in a function, so that a test can look at it.
pub(crate) fn pipeline(input: &Input) -> Pipeline {
    let (stream, region, profile, endpoint) = input.options();
    pipeline! {
        from kinesis({stream}, region = {region}, profile = {profile}, endpoint = {endpoint}, start = trim_horizon)
        | decode text
        | select { line, arrival = record.approximate_arrival_timestamp }
        | watermark arrival 10s
        | explode word = line.split_whitespace()
        | group_by { word, window = tumbling(arrival, 1min) }
        | agg { n = count() }
        | select { minute = window.start, word, n }
        | sink console(sort = [minute, word])
    }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let input = Input::without_folder()?;
    input.put_at(sentences()).await?;
    // A stream does not end: the last minute stays open, as more of it may come. The account says so.
    end(pipeline(&input).trigger(input.trigger()).run().await)
}
