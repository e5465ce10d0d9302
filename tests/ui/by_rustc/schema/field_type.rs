use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    address: std::net::IpAddr,
}

fn main() {}
