use millstream::prelude::*;

#[derive(StreamSchema)]
union Reading {
    a: i64,
    b: f64,
}

fn main() {}
