//! Starts the example `files_to_parquet`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("files_to_parquet", "parquet")
}
