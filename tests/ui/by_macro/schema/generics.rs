use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading<'a, T> {
    #[stream(evnt_time)]
    ts: T,
    name: &'a str,
}

fn main() {}
