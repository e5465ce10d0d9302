use millstream::prelude::*;

#[derive(StreamSchema)]
struct Unknown {
    #[stream(format = epoch_mss)]
    ts: Timestamp,
}

#[derive(StreamSchema)]
struct WrongType {
    #[stream(format = epoch_ms)]
    name: String,
    #[stream(format = epoch_ms)]
    count: Option<u32>,
}

struct NoFormat;

#[derive(StreamSchema)]
struct Foreign {
    #[stream(format = NoFormat)]
    ts: Timestamp,
}

fn main() {}
