//! Values that an option does not take.
use millstream::pipeline;

fn main() {
    let _ = pipeline! { from file("in", follow = 5) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", follow = "5s") | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", order = "together") | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", order = sorted) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", compression = together) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", max_line = "64mib") | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", max_line = 5s) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file(5) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file() | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in", "out") | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory([""]) | decode text | sink console(sort = {"line"}) };
    let _ = pipeline! { from memory([""]) | decode text | sink console(to = "rows.txt") };
    // The option's own words are those of its module; rustc lists no others.
    let _ = pipeline! { from memory([""]) | decode text | sink console(to = stderr) };
}
