//! Starts the example `hello`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("hello")
}
