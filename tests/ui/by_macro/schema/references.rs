use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading {
    name: &'static str,
    data: &'static [u8],
    count: &'static u32,
}

fn main() {}
