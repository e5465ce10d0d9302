//! Columns that cannot name a folder.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | select { device_id, temperature }
        | sink files("out", partition_by = [temperature, date])
    };
    fn files(_: &str) -> millstream::sink::collect::Collect {
        millstream::sink::collect()
    }
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | sink files("out", partition_by = country) };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | sink files("out", partition_by = "country") };
    let _ = rows;
}
