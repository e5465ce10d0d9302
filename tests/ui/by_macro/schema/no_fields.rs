use millstream::prelude::*;

#[derive(StreamSchema)]
struct Unit;

#[derive(StreamSchema)]
struct Empty {}

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
enum Never {}

fn main() {}
