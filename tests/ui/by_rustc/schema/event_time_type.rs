use millstream::prelude::*;

#[derive(StreamSchema)]
struct Text {
    #[stream(event_time)]
    ts: String,
}

#[derive(StreamSchema)]
struct Number {
    #[stream(event_time)]
    ts: i64,
}

#[derive(StreamSchema)]
struct Maybe {
    #[stream(event_time)]
    ts: Option<Timestamp>,
}

fn main() {}
