//! A Kinesis on this machine, for clients in any language:
//!
//! ```text
//! cargo run --example kinesis_server -- --port 4567 --stream clicks:2
//! aws kinesis put-record --endpoint-url http://127.0.0.1:4567 --stream-name clicks --partition-key a --data aGVsbG8=
//! ```
//!
//! Options: `--port PORT` (default 4567); `--stream NAME:SHARDS` as often as needed; `--limits service` for the rates of
//! the service; `--transition SECONDS` for how long a stream is not active after a change; `--faults SHARE` for that share
//! of calls to be throttled, cut or answered with an internal failure, by the random `--seed NUMBER`.
//!
//! It runs until it is killed.

use millstream::testing::kinesis::{Fault, Limits, Server};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut port, mut streams, mut share, mut seed) = (4567, Vec::new(), 0.0, 0);
    let (mut limits, mut transition) = (Limits::default(), 0.0);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--port" => port = value.parse()?,
            "--stream" => streams.push(value),
            "--faults" => share = value.parse()?,
            "--seed" => seed = value.parse()?,
            "--limits" if value == "service" => limits = Limits::service(),
            "--transition" => transition = value.parse()?,
            _ => return Err(format!("unknown option {option} {value}; the head of the example lists all").into()),
        }
    }
    let server = Server::start_on(port)?;
    for stream in streams {
        let (name, shards) = stream.split_once(':').unwrap_or((&stream, "1"));
        server.create_stream(name, shards.parse()?)?;
    }
    limits.transition = Duration::try_from_secs_f64(transition)?;
    server.set_limits(limits);
    let faults = [Fault::Throttle, Fault::InternalFailure, Fault::CutConnection, Fault::CutAnswer];
    server.faults().at_random(seed, share, faults.map(|fault| ("*", fault)));
    millstream_examples::say(format_args!("Kinesis at {}", server.endpoint()))?;

    loop {
        std::thread::park();
    }
}
