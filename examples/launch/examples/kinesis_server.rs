//! Starts the example `kinesis_server`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("kinesis_server")
}
