//! A struct around one value that is no column.
use millstream::prelude::*;

#[derive(StreamSchema)]
struct Address(std::net::IpAddr);

#[derive(StreamSchema)]
#[stream(rename_all = "camelCase")]
struct Device(String);

fn main() {}
