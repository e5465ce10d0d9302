#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use super::*;
use crate::error::{Error, Kind};
use crate::source::{ChunkSender, Limits};

async fn fetch(feed: &mut dyn Feed, rows: u64, wait: u64) -> Result<Vec<String>> {
    let limits =
        Limits { bytes: 1 << 30, rows: Some(rows), until: Instant::now() + Duration::from_millis(wait), eager: false };
    let (mut sender, mut receiver) = ChunkSender::bounded(1 << 30);
    feed.fetch(&limits, &mut sender).await?;
    drop(sender);
    let mut lines = Vec::new();
    while let Some((chunk, _)) = receiver.recv().await {
        let meta = chunk.meta.downcast_ref::<SocketMeta>().unwrap();
        for index in 0..chunk.len() {
            let record = Socket::record(&chunk, meta, index);
            assert!(record.peer.starts_with("127.0.0.1:"));
            lines.push(format!("{} {}", record.index, String::from_utf8(record.data.to_vec()).unwrap()));
        }
    }
    Ok(lines)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Serves one connection after the other, and then none.
fn serve(texts: &'static [&'static str]) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        for text in texts {
            listener.accept().unwrap().0.write_all(text.as_bytes()).unwrap();
        }
    });
    (address, server)
}

#[test]
fn lines_over_several_connections() {
    let (address, server) = serve(&["one\r\ntwo\n\nthr", "four\nfive\n"]);
    run(async {
        let source = socket(&*address);
        assert!(!source.describe().replayable && !source.describe().finite);
        let mut feed = source.open(Resume::default()).await.unwrap();
        assert_eq!(fetch(&mut *feed, 2, 10_000).await.unwrap(), ["0 one", "1 two"]);
        assert_eq!(fetch(&mut *feed, 4, 10_000).await.unwrap(), ["2 ", "3 thr", "4 four", "5 five"]);
        assert_eq!(fetch(&mut *feed, 1, 50).await.unwrap(), [""; 0]);
    });
    server.join().unwrap();
}

#[test]
fn lines_too_long() {
    for text in [&["12345\n"], &["12345"], &["1234567890"]] {
        let (address, server) = serve(text);
        let error: Error = run(async {
            let mut feed = socket(address).max_line(4).open(Resume::default()).await.unwrap();
            fetch(&mut *feed, 5, 10_000).await.unwrap_err()
        });
        assert_eq!(error.kind(), Kind::Data);
        server.join().unwrap();
    }
    let (address, server) = serve(&["1234\r\n1234"]);
    run(async {
        let mut feed = socket(address).max_line(4).open(Resume::default()).await.unwrap();
        assert_eq!(fetch(&mut *feed, 2, 10_000).await.unwrap(), ["0 1234", "1 1234"]);
    });
    server.join().unwrap();
}

#[test]
fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let source = socket(&*free).connect_timeout(Duration::from_millis(300));
    let error = run(source.open(Resume::default())).err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains(&free), "{error}");
}

#[test]
fn listening() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    run(async {
        let mut feed = socket(&*free).listen(true).open(Resume::default()).await.unwrap();
        for text in ["one\n", "two\n"] {
            TcpStream::connect(&free).unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fetch(&mut *feed, 2, 10_000).await.unwrap(), ["0 one", "1 two"]);
        feed.stop_at_present();
        assert_eq!(fetch(&mut *feed, 2, 10_000).await.unwrap(), [""; 0]);
    });
}
