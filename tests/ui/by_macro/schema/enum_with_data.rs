use millstream::prelude::*;

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
enum Status {
    Ok,
    Broken(u32),
    Lost { since: i64 },
}

fn main() {}
