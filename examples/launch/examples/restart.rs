//! Starts the example `restart`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("restart")
}
