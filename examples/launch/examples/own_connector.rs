//! Starts the example `own_connector`.

fn main() -> std::io::Result<()> {
    millstream_launch::run("own_connector")
}
