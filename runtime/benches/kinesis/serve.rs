//! A server that has the records: this program once more, or one that is there already.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use millstream::testing::kinesis::Server;

use super::{STREAM, bare};

/// What the partition key of a record is.
fn key(number: usize) -> String {
    format!("device-{}", number % 10_007)
}

/// Serves until standard input ends.
pub(crate) fn serve(lines: Vec<String>, shards: usize) {
    let server = Server::start().unwrap();
    server.create_stream(STREAM, shards).unwrap();
    server.put_all(STREAM, lines.into_iter().enumerate().map(|(number, line)| (key(number), line))).unwrap();
    println!("{}", server.endpoint());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A server with the records in it, stopped when it is dropped if it was started here.
pub(crate) struct Filled {
    endpoint: String,
    process: Option<Child>,
}

impl Filled {
    /// Starts this program as a server.
    pub(crate) fn start(records: u64, shards: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--serve", &format!("--records={records}"), &format!("--shards={shards}")]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut endpoint = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        Self { endpoint: endpoint.trim().to_owned(), process: Some(process) }
    }

    /// Fills a new stream of a server that runs.
    pub(crate) fn there(endpoint: &str, lines: &[String], shards: u64) -> Self {
        let entry = |(number, line): (usize, &String)| {
            PutRecordsRequestEntry::builder().partition_key(key(number)).data(line.as_bytes().into()).build().unwrap()
        };
        let entries: Vec<_> = lines.iter().enumerate().map(entry).collect();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let client = bare::client(endpoint);
            client.create_stream().stream_name(STREAM).shard_count(shards as i32).send().await.unwrap();
            // A stream becomes active a while after the call that makes it.
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            for batch in entries.chunks(500) {
                let put = client.put_records().stream_name(STREAM).set_records(Some(batch.to_vec()));
                assert_eq!(put.send().await.unwrap().failed_record_count.unwrap_or(0), 0);
            }
        });
        Self { endpoint: endpoint.to_owned(), process: None }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }
}
