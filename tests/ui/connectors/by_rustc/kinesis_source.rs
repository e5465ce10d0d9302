//! Options of the source `kinesis`.
use millstream::pipeline;

fn main() {
    let region = "us-west-2";
    let _ = pipeline! { from kinesis("readings", regoin = "us-west-2") | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", start_at = latest) | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", start = "latest") | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", consumer_mode = "efo") | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", consumer_name = 5) | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", max_fetch_rate = 1) | decode text | sink console() };
    // A bare word is the option's own; rustc says that there is none of that name.
    let _ = pipeline! { from kinesis("readings", start = lates) | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", consumer_name = indexer) | decode text | sink console() };
    let _ = pipeline! { from kinesis("readings", region = region) | decode text | sink console() };
}
