//! A password in the source code.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use millstream::secret::IntoSecret;
use millstream::source::memory::Memory;

trait Locked {
    fn password(self, password: impl IntoSecret) -> Self;
}

impl Locked for Memory {
    fn password(self, password: impl IntoSecret) -> Self {
        let _ = password.into_secret();
        self
    }
}

fn main() {
    let rows = millstream::sink::collect();
    let from_outside = std::env::var("PASSWORD").ok();
    let _ = pipeline! { from memory(["{}"], password = {from_outside}) | decode text | select { line } | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"], password = "hunter2") | decode text | select { line } | sink rows };
}
