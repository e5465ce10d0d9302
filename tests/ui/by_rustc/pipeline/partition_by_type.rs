//! A column that cannot name a folder.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | select { device_id, temperature }
        | sink files("out", partition_by = [temperature])
    };
    fn files(_: &str) -> Files {
        Files
    }
}

struct Files;

impl Files {
    fn partition_by(self, _: &[&str]) -> millstream::sink::collect::Collect {
        millstream::sink::collect()
    }
}
