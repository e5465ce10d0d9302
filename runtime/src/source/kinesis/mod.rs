//! Records from Amazon Kinesis Data Streams.

pub mod kpl;
