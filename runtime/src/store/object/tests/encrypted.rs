//! What S3 is asked to encrypt with, by the headers that are sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};

use super::super::open;
use super::*;
use crate::store::Location;

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";

/// The first line of a request and its headers, in lower case.
#[derive(Debug)]
struct Asked {
    line: String,
    headers: Vec<String>,
}

/// Takes whatever is sent; an object is there from its copy on.
fn answer(stream: TcpStream, copied: &mut bool, asked: &Sender<Asked>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_ascii_lowercase());
    }
    let len = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    reader.take(len).read_to_end(&mut Vec::new())?;
    let line = lines.remove(0);
    let copies = lines.iter().any(|line| line.starts_with("x-amz-copy-source"));
    *copied |= copies;
    let (status, body) = match line.split(' ').next() {
        Some("head") if !*copied => ("404 Not Found", ""),
        Some("head") => ("200 OK", "xyz"),
        Some("post") if line.contains("?uploads") => {
            ("200 OK", "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>")
        }
        Some("put") if copies => ("200 OK", "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"),
        Some("post") => ("200 OK", "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"),
        _ => ("200 OK", ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if line.starts_with("head") { "" } else { body };
    asked.send(Asked { line, headers: lines }).ok();
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// What is asked for by every kind of request that writes.
fn asked(options: impl FnOnce(Location) -> Location) -> Vec<Asked> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (sender, receiver) = channel();
    // Ends with the process of the tests.
    std::thread::spawn(move || {
        let mut copied = false;
        for stream in listener.incoming().flatten() {
            answer(stream, &mut copied, &sender).ok();
        }
    });
    let [access, secret] = ["AKIATEST", "canary"].map(|key| Secret::from(key.to_owned()));
    let location = Location::at("s3://bucket/checkpoint").region("us-east-1").endpoint(endpoint);
    let location = options(location.access_key(access).secret_key(secret));
    location.check().unwrap();
    let store = open(&location, "checkpoint").unwrap();
    assert!(matches!(store.create_only("slot", b"x"), Ok(Created::Created)));
    put(store.as_ref(), "small", b"x").unwrap();
    put(store.as_ref(), "large", &vec![7; 17 << 20]).unwrap();
    let one = Move { from: "small".to_owned(), to: "moved".to_owned(), len: 3 };
    assert_eq!(store.rename_many(&[one]).pop().unwrap().unwrap(), Renamed::Done);
    receiver.try_iter().collect()
}

#[test]
fn what_is_written_is_encrypted_with_the_key_that_is_named() {
    let begins = |asked: &Asked| {
        let copies = asked.headers.iter().any(|header| header.starts_with("x-amz-copy-source"));
        let part = asked.line.contains("partnumber");
        (asked.line.starts_with("put") && !part) || copies || asked.line.contains("?uploads")
    };
    let of = |asked: &Asked| {
        let ours = asked.headers.iter().filter(|header| header.starts_with("x-amz-server-side-encryption"));
        let mut ours: Vec<String> = ours.cloned().collect();
        ours.sort();
        ours
    };
    let all = asked(|location| location.kms_key(KEY).kms_bucket_key(true));
    let writes: Vec<&Asked> = all.iter().filter(|asked| begins(asked)).collect();
    assert!(writes.len() >= 4, "{all:#?}");
    for write in writes {
        let expected = [
            "x-amz-server-side-encryption-aws-kms-key-id: ".to_owned() + KEY,
            "x-amz-server-side-encryption-bucket-key-enabled: true".to_owned(),
            "x-amz-server-side-encryption: aws:kms".to_owned(),
        ];
        assert_eq!(of(write), expected, "{write:#?}");
    }
    // What the bucket says, if nothing else is said.
    assert!(asked(|location| location).iter().all(|asked| of(asked).is_empty()));
}
