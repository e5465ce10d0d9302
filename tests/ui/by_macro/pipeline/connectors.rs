//! Sources, formats and sinks.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"], follow: 5s) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"], follow = 5s, follow = 6s) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"], follow =) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(follow = 5s, ["{}"]) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"],, follow = 5s) | decode text | select { line } | sink console() };
    let _ = pipeline! { from "in/*.json" | decode text | select { line } | sink console() };
    let _ = pipeline! { from file {FOLDER} | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink files "out" };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console(sort = line) };
    let _ = pipeline! { from memory | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) as text | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as "Reading" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else skp | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else ignore | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else dead_letter | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else dead_letter() | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | sink files("out", partition_by = [day, day]) };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console() mode = overwrite };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } as | sink console() };
}
