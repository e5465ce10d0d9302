//! Starts the example `iot_to_parquet`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("iot_to_parquet")
}
