//! Starts the example `nested_etl`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("nested_etl")
}
