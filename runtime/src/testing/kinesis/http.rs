//! HTTP/1.1 as far as the AWS SDKs use it with Kinesis: `POST /` with a content length, connections that are kept.

use super::faults::Fault;
use super::refusal::Refusal;
use super::state::{Answer, Shared};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Largest head and largest body of a request, in bytes; a PutRecords call has at most 5 MiB, in base64.
const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 64 * 1024 * 1024;
const SERVICE: &str = "Kinesis_20131202.";

/// Serves until `stop` is sent or dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<()>) {
    let accept = async {
        loop {
            // Accepting fails when the process has too many files open; a later connection may do better.
            if let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(converse(connection, Arc::clone(&shared)));
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop => {}
    }
}

/// Answers the requests of one connection. An error is the end of the connection and nobody's to hear.
async fn converse(mut connection: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut connection, &mut buffer).await? {
        let (answer, fault) = match &request.operation {
            Some(operation) => {
                let admitted = shared.lock().admit(operation, &request.body);
                match admitted.fault {
                    Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
                    Some(Fault::CutConnection) => {
                        shared.lock().note_cut(&admitted);
                        return Ok(());
                    }
                    _ => {}
                }
                (shared.lock().answer(&admitted, &request.body), admitted.fault)
            }
            None => (Err(Refusal::new("UnknownOperationException", "This is Kinesis: POST with X-Amz-Target")), None),
        };
        let mut response = write(answer);
        if fault == Some(Fault::CutAnswer) {
            response.truncate(response.len().saturating_sub(1) / 2);
            return connection.write_all(&response).await;
        }
        connection.write_all(&response).await?;
        if request.last {
            break;
        }
    }
    Ok(())
}

struct Request {
    /// The operation of `X-Amz-Target`; none if it is not one of Kinesis.
    operation: Option<String>,
    body: Vec<u8>,
    /// Whether the client wants the connection closed after the answer.
    last: bool,
}

/// Reads one request and leaves what follows it in `buffer`; `None` if the client has closed the connection.
async fn read(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let malformed = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut searched = 0_usize;
    let head_length = loop {
        // The end of the head may have come in two pieces.
        let from = searched.saturating_sub(3);
        if let Some(position) = memchr::memmem::find(buffer.get(from..).unwrap_or_default(), b"\r\n\r\n") {
            break from + position + 4;
        }
        searched = buffer.len();
        if searched > HEAD_LIMIT {
            return Err(malformed("the head of the request is too large"));
        }
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let mut rest = buffer.split_off(head_length);
    let head = String::from_utf8_lossy(buffer);
    let header = |name: &str| {
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let length: usize = match header("content-length") {
        Some(digits) => digits.parse().map_err(|_| malformed("the content length is no number"))?,
        None if header("transfer-encoding").is_some() => return Err(malformed("chunked requests are not supported")),
        None => 0,
    };
    if length > BODY_LIMIT {
        return Err(malformed("the body of the request is too large"));
    }
    let operation = header("x-amz-target").and_then(|target| target.strip_prefix(SERVICE)).map(str::to_owned);
    let last = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    rest.reserve(length.saturating_sub(rest.len()));
    while rest.len() < length {
        if connection.read_buf(&mut rest).await? == 0 {
            return Ok(None);
        }
    }
    *buffer = rest.split_off(length);
    Ok(Some(Request { operation, body: rest, last }))
}

/// The bytes of a response.
fn write(answer: Answer) -> Vec<u8> {
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(refusal) if refusal.status == 500 => ("500 Internal Server Error", refusal.body()),
        Err(refusal) => ("400 Bad Request", refusal.body()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
         x-amzn-requestid: 00000000-0000-0000-0000-000000000000\r\n\r\n",
        body.len()
    );
    // One piece, so that it is one packet where it can be.
    [head.as_bytes(), body.as_slice()].concat()
}
