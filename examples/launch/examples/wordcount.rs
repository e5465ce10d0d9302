//! Starts the example `wordcount`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("wordcount")
}
