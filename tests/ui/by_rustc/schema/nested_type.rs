use millstream::prelude::*;

struct Point {
    lat: f64,
}

#[derive(StreamSchema)]
struct Reading {
    at: Option<Point>,
}

fn main() {}
