use millstream::prelude::*;

#[derive(StreamSchema, Clone, Copy, PartialEq)]
enum Status {
    Ok,
    Broken,
}

fn main() {}
