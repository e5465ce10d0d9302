//! Starts the example `by_hand`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("by_hand")
}
