//! The stream that an example reads, from its command line: one of a server in the process, or one of yours.

use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Region;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use aws_smithy_http_client::{Builder, tls};
use millstream::engine::Trigger;
use millstream::error::{Error, Kind};
use millstream::testing::kinesis::Server;
use millstream::time::{Timestamp, secs};
use millstream::{Pipeline, Result};

use crate::say;

const USAGE: &str = "options: --stream NAME [--region REGION] [--profile PROFILE] [--endpoint URL] [--produce]";

/// What to read, and where to write. Without `--stream` it is a stream of a server in the process, which has sample
/// records and ends with the program.
pub struct Input {
    stream: String,
    region: Option<String>,
    profile: Option<String>,
    endpoint: Option<String>,
    out: String,
    produce: bool,
    server: Option<Server>,
}

impl Input {
    /// Reads the command line of the example `name`, which writes into a folder: that of `--out`, or a new one.
    ///
    /// # Errors
    /// An unknown option, or no port for the server.
    pub fn from_args(name: &str) -> Result<Self> {
        Self::parse(Some(name))
    }

    /// Reads the command line of an example that writes no files.
    ///
    /// # Errors
    /// As [`Self::from_args`].
    pub fn without_folder() -> Result<Self> {
        Self::parse(None)
    }

    fn parse(writes: Option<&str>) -> Result<Self> {
        let usage = |wrong: &str| {
            let help = USAGE.to_owned() + if writes.is_some() { " [--out FOLDER]" } else { "" };
            Error::new(Kind::Config, wrong).help(help)
        };
        let mut input = Self {
            stream: String::new(),
            region: None,
            profile: None,
            endpoint: None,
            out: String::new(),
            produce: false,
            server: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| usage(&format!("{word} needs a value")));
            match word.as_str() {
                "--stream" => input.stream = value()?,
                "--region" => input.region = Some(value()?),
                "--profile" => input.profile = Some(value()?),
                "--endpoint" => input.endpoint = Some(value()?),
                "--out" if writes.is_some() => input.out = value()?,
                "--produce" => input.produce = true,
                _ => return Err(usage(&format!("unknown option {word}"))),
            }
        }
        if let (Some(name), true) = (writes, input.out.is_empty()) {
            input.out = crate::fresh_folder(name);
        }
        if input.stream.is_empty() { Self::sample(input.out) } else { Ok(input) }
    }

    /// A stream of a server in the process, and output below `out`.
    ///
    /// # Errors
    /// There is no port for the server.
    pub fn sample(out: String) -> Result<Self> {
        let (server, stream) = (Server::start()?, "sample".to_owned());
        server.create_stream(&stream, 2)?;
        let endpoint = Some(server.endpoint());
        Ok(Self { stream, region: None, profile: None, endpoint, out, produce: false, server: Some(server) })
    }

    /// The stream, its region, the profile to read it with, and the endpoint.
    pub fn options(&self) -> (String, Option<String>, Option<String>, Option<String>) {
        (self.stream.clone(), self.region.clone(), self.profile.clone(), self.endpoint.clone())
    }

    /// A folder for output, below `--out`, or below one that is not there yet.
    pub fn folder(&self, name: &str) -> String {
        format!("{}/{name}", self.out)
    }

    /// Puts records into the stream of the server in the process, and with `--produce` into yours.
    ///
    /// # Errors
    /// The service does not take them.
    pub async fn put(&self, records: impl Iterator<Item = (String, String)>) -> Result<()> {
        match &self.server {
            Some(server) => server.put_all(&self.stream, records).map(drop),
            None if self.produce => put_records(&self.client().await, &self.stream, records).await,
            None => Ok(()),
        }
    }

    /// As [`Self::put`], with arrival times for the server in the process; a service takes its own.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_at(&self, mut records: impl Iterator<Item = (Timestamp, String, String)>) -> Result<()> {
        match &self.server {
            Some(server) => records.try_for_each(|(arrival, key, text)| {
                server.put_at(&self.stream, &key, text, arrival.millis()).map(drop)
            }),
            None => self.put(records.map(|(_, key, text)| (key, text))).await,
        }
    }

    /// Samples are read to their end; a stream of yours until Ctrl-C, with an epoch every ten seconds.
    pub fn trigger(&self) -> Trigger {
        if self.server.is_some() { Trigger::AvailableNow } else { Trigger::every(secs(10)) }
    }

    /// Runs `pipeline` with a checkpoint in the output folder; says where, how to go on, and what came of it. The server in
    /// the process has another stream each time, with which a checkpoint does not go on.
    ///
    /// # Errors
    /// What ended the pipeline.
    pub async fn run(&self, pipeline: Pipeline) -> Result<()> {
        let (out, stream) = (&self.out, &self.stream);
        match self.server {
            Some(_) => say(format_args!(
                "writing to {out} (the samples' stream ends here; yours goes on with --stream and --out as before)"
            )),
            None => say(format_args!(
                "writing to {out}; stop with Ctrl-C, and go on later with --stream {stream} --out {out}"
            )),
        }?;
        let pipeline = pipeline.checkpoint(format!("{}/_checkpoint", self.out)).trigger(self.trigger());
        crate::end(pipeline.run().await)
    }

    async fn client(&self) -> Client {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http = Builder::new().tls_provider(provider).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = self.region.clone() {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Client::new(&loader.load().await)
    }
}

/// Puts records in calls of 500, and those again that were refused.
async fn put_records(client: &Client, stream: &str, records: impl Iterator<Item = (String, String)>) -> Result<()> {
    let failed = |message: String| Error::new(Kind::Unavailable, format!("PutRecords to {stream}: {message}"));
    let entry = |(key, data): (String, String)| {
        PutRecordsRequestEntry::builder().partition_key(key).data(data.into_bytes().into()).build()
    };
    let mut waiting = Vec::new();
    for record in records {
        waiting.push(entry(record).map_err(|error| failed(error.to_string()))?);
    }
    while !waiting.is_empty() {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(500)).collect();
        let call = client.put_records().set_records(Some(batch.clone()));
        let call = if stream.starts_with("arn:") { call.stream_arn(stream) } else { call.stream_name(stream) };
        let answer = call.send().await.map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        let refused = batch.into_iter().zip(answer.records()).filter(|(_, result)| result.error_code().is_some());
        waiting.splice(..0, refused.map(|(record, _)| record));
        if answer.failed_record_count().is_some_and(|count| count > 0) {
            // A shard takes a thousand records a second: what was refused goes again in the next.
            tokio::time::sleep(secs(1)).await;
        }
    }
    Ok(())
}
