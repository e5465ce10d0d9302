//! What a pipeline says about S3 in its own words.

use std::io::Write as _;
use std::sync::Arc;

use millstream::Secret;
use millstream::prelude::*;
use millstream::store::{Durability, Location, Place, Store};

use super::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};

#[derive(StreamSchema)]
struct Number {
    n: i64,
    k: String,
}

fn rows() -> Vec<String> {
    (0..100).map(|n| format!(r#"{{"n": {n}, "k": "a/{}"}}"#, n % 3)).collect()
}

/// What is needed to reach the server.
struct Reach {
    endpoint: String,
    access: Secret,
    secret: Secret,
}

impl Reach {
    fn new(server: &Server) -> Self {
        let [access, secret] = [ACCESS_KEY, SECRET_KEY].map(|key| Secret::from(key.to_owned()));
        Self { endpoint: format!("http://127.0.0.1:{}", server.port()), access, secret }
    }

    fn at(&self, path: &str) -> Location {
        Location::at(format!("s3://{BUCKET}/{path}"))
            .region("us-east-1")
            .endpoint(self.endpoint.clone())
            .access_key(self.access.clone())
            .secret_key(self.secret.clone())
    }

    fn store(&self, path: &str) -> Arc<dyn Store> {
        Place::Object(self.at(path)).open(Durability::default()).unwrap()
    }

    fn pipeline(&self, path: &str) -> Pipeline {
        let url = format!("s3://{BUCKET}/{path}");
        let (endpoint, access, secret) = (self.endpoint.clone(), self.access.clone(), self.secret.clone());
        pipeline! {
            from memory({rows()})
            | decode json as Number
            | sink parquet(
                {url},
                partition_by = [k],
                region = "us-east-1",
                endpoint = {endpoint},
                access_key = {access},
                secret_key = {secret},
            )
        }
    }
}

fn names(store: &dyn Store, folder: &str) -> Vec<String> {
    store.list(folder).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn options_say_how_s3_is_reached() {
    let Some(server) = Server::start() else { return };
    let reach = Reach::new(&server);
    for run in 0..2 {
        let pipeline = reach.pipeline("options/out").checkpoint(reach.at("options/checkpoint"));
        let summary = pipeline.run_blocking().unwrap();
        assert_eq!(
            summary.rows_out,
            if run == 0 { 100 } else { 0 },
            "the second one goes on where the first one ended"
        );
    }
    let store = reach.store("options");
    assert_eq!(names(store.as_ref(), "out"), ["k=a%2F0", "k=a%2F1", "k=a%2F2"]);
    assert_eq!(names(store.as_ref(), "out/k=a%2F1").len(), 1);
    // It is not this pipeline's.
    let other = reach.pipeline("options/out").checkpoint(reach.at("options/another"));
    let error = other.run_blocking().unwrap_err();
    assert!(error.to_string().contains("belongs to the pipeline"), "{error}");
    // Without a checkpoint rows may be doubled, and are shown all the same.
    reach.pipeline("options/loose").checkpoint(Checkpoint::none()).run_blocking().unwrap();
    assert_eq!(names(store.as_ref(), "loose/k=a%2F1").len(), 1);
}

#[test]
fn rows_are_delivered_once_with_a_checkpoint_on_s3() {
    let Some(server) = Server::start() else { return };
    let reach = Reach::new(&server);
    let mut delivered = 0;
    for _ in 0..2 {
        let all = millstream::sink::collect();
        let sink = all.clone();
        let pipeline = pipeline! {
            from memory({rows()})
            | decode json as Number
            | select { n }
            | sink {sink}
        };
        pipeline.checkpoint(reach.at("outbox/checkpoint")).run_blocking().unwrap();
        delivered += all.batches().iter().map(|batch| batch.num_rows()).sum::<usize>();
    }
    assert_eq!(delivered, 100);
    let store = reach.store("outbox/checkpoint");
    let left = names(store.as_ref(), "outbox");
    assert!(left.iter().all(|name| !name.ends_with(".parquet")), "{left:?}");
}

#[test]
fn a_file_of_many_parts_is_on_s3_as_it_was_written() {
    let Some(server) = Server::start() else { return };
    let store = Reach::new(&server).store("parts");
    let bytes: Vec<u8> = (0..30_u32 << 20).map(|n| (n ^ (n >> 7)) as u8).collect();
    let mut file = store.write_new_file("large").unwrap();
    file.write_all(&bytes).unwrap();
    assert_eq!(store.len("large").unwrap(), None, "nothing of it is there before all of it is");
    file.sync_and_close().unwrap();
    assert!(store.read("large").unwrap().unwrap() == bytes);
    drop(store.write_new_file("never").unwrap());
    let mut aborted = store.write_new_file("aborted").unwrap();
    aborted.write_all(&bytes).unwrap();
    drop(aborted);
    assert_eq!(names(store.as_ref(), ""), ["large"]);
}
