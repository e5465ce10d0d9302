use millstream::prelude::*;

#[derive(StreamSchema)]
#[stream(rename_all = "title")]
struct Reading {
    device_id: String,
}

fn main() {}
