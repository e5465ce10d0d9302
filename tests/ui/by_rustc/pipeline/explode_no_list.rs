//! Items of what has none, and a value that is taken by its method.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let names = vec!["a".to_owned()];
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | explode t = temperature | select { t } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | explode name = {names}.into_iter() | select { name } | sink console() };
}
