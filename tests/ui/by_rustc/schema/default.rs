use millstream::prelude::*;

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
enum Status {
    Ok,
    Broken,
}

fn zero() -> f64 {
    0.0
}

#[derive(StreamSchema)]
struct Reading {
    #[stream(default)]
    status: Status,
    #[stream(default = "zero")]
    count: u32,
    #[stream(default = zero)]
    factor: f64,
    #[stream(default = 1)]
    name: String,
}

fn main() {}
