use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading(String, f64);

fn main() {}
