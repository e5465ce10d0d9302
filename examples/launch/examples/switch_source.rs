//! Starts the example `switch_source`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("switch_source")
}
