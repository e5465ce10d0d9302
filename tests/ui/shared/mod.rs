//! The schema that tests of pipelines share.
#![allow(missing_docs, dead_code, unreachable_pub)]

use millstream::StreamSchema;
use millstream::time::Timestamp;

#[derive(StreamSchema)]
pub struct Reading {
    pub device_id: String,
    #[stream(event_time)]
    pub ts: Timestamp,
    pub temperature: f64,
    pub country: Option<String>,
}
