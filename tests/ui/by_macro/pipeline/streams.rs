//! Named streams.
use millstream::pipeline;

fn main() {
    let _ = pipeline! { let lines = from memory(["{}"]) | decode text | select { line }; from line | sink console() };
    let _ = pipeline! { let lines from memory(["{}"]) | decode text | select { line }; from lines | sink console() };
    let _ = pipeline! { let = from memory(["{}"]) | decode text | select { line }; from lines | sink console() };
    let _ = pipeline! { let a = from memory(["{}"]); let a = from memory(["{}"]); from a | decode text | select { line } | sink console() };
    let _ = pipeline! { let a = from memory(["{}"]) | decode text | select { line }; from a | sink console(); from a | sink console() };
}
