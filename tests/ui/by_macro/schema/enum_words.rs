use millstream::prelude::*;

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "lowercase", deny_unknown)]
enum Status {
    Ok,
    #[stream(rename = "ok")]
    Fine,
    #[stream(other)]
    Unknown,
    #[stream(other)]
    Strange,
    #[stream(event_time)]
    Late,
}

fn main() {}
