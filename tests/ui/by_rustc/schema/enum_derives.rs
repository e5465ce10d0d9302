use millstream::prelude::*;

#[derive(StreamSchema, Debug)]
enum Status {
    Ok,
    Broken,
}

#[derive(StreamSchema)]
struct Reading {
    status: Status,
    previous: Option<Status>,
}

fn main() {}
