use millstream::prelude::*;

#[derive(StreamSchema)]
#[stream]
struct Reading {
    #[stream(rename)]
    a: i64,
    #[stream(rename("b"))]
    b: i64,
    #[stream(rename = 3)]
    c: i64,
    #[stream(rename = "")]
    d: i64,
    #[stream(event_time = true)]
    e: Timestamp,
    #[stream("f")]
    f: i64,
    #[stream(skip)]
    g: i64,
    #[stream(other, rename_all = "lowercase")]
    h: i64,
    #[stream(default = )]
    i: i64,
    #[stream(default = 1 +)]
    j: i64,
    #[stream(format)]
    k: Timestamp,
    #[stream = "l"]
    l: i64,
    #[stream(alias = "m", alias = "a")]
    m: i64,
}

fn main() {}
