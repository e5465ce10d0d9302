//! Several outputs of one pipeline.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let (raw, hot) = (millstream::sink::collect(), millstream::sink::collect());
    let _ = pipeline! {
        let readings = from memory(["{}"]) | decode json as Reading;
        from readings | sink raw;
        from readings | filter temperature > 30.0 | sink hot
    };
    let _ = pipeline! { let readings = from memory(["{}"]) | decode json as Reading; };
    let _ = pipeline! { from readings | sink hot };
}
