//! Options of the sink `kinesis`, two of which have to be given.
use millstream::pipeline;

fn main() {
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", format = json) };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = [line]) };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out") };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = "line", format = json) };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = [line], format = "json") };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = [line], format = json, hash_key = "line") };
    let _ = pipeline! { from memory([""]) | decode text | select { a = line, b = line } | sink kinesis("out", key = [a], format = json, hash_key = [a, b]) };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = [line], format = json, agregate = on) };
    let _ = pipeline! { from memory([""]) | decode text | sink kinesis("out", key = [line], format = json, stamp = true) };
}
