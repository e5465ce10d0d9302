//! Options of the sink `parquet`.
use millstream::pipeline;

fn main() {
    let _ = pipeline! { from memory([""]) | decode text | sink parquet("out", partiton_by = [line]) };
    let _ = pipeline! { from memory([""]) | decode text | sink parquet("out", partition_by = 1 + 1) };
    let _ = pipeline! { from memory([""]) | decode text | sink parquet("out", compression = "zstd") };
    let _ = pipeline! { from memory([""]) | decode text | sink parquet("out", max_file_size = "64mib") };
    let _ = pipeline! { from memory([""]) | decode text | sink parquet(5) };
}
