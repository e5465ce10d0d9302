//! A number without a type in an escape is an `i32`: the value is made before the field that it goes to is looked at. What to
//! write is `1_i64`; rustc says which field it is, and of what type.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::prelude::*;
use shared::Reading;

#[derive(StreamSchema)]
struct Out {
    n: i64,
}

fn main() {
    let warm = true;
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { n = {if warm { 1 } else { 2 }} } | sink console() as Out };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { n = if temperature > 1.0 { 1 } else { 2 } } | sink console() as Out };
}
