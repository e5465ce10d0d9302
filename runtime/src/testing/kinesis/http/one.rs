//! HTTP/1.1 as far as the AWS SDKs use it with Kinesis: `POST /` with a content length, connections that are kept.

use super::{BODY_LIMIT, EVENTS, Format, REQUEST_ID, Reply, Request, Response, answer, operation};
use crate::testing::kinesis::faults::Fault;
use crate::testing::kinesis::push::{Pushed, Subscription};
use crate::testing::kinesis::state::Shared;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest head of a request, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// Answers the requests of one connection.
pub(super) async fn converse(mut connection: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some((request, last)) = read(&mut connection, &mut buffer).await? {
        match answer(&shared, request).await {
            Reply::Cut => return Ok(()),
            Reply::Events(subscription) => {
                if !stream(&mut connection, subscription).await? {
                    return Ok(());
                }
            }
            Reply::Whole(response, fault) => {
                let mut response = write(&response);
                match fault {
                    Some(Fault::CutAnswer) => {
                        response.truncate(response.len().saturating_sub(1) / 2);
                        return connection.write_all(&response).await;
                    }
                    Some(Fault::Slow(time)) => trickle(&mut connection, &response, time).await?,
                    _ => connection.write_all(&response).await?,
                }
            }
        }
        if last {
            break;
        }
    }
    Ok(())
}

/// Reads one request and leaves what follows it in `buffer`, and says whether it is the last one that the client wants
/// answered; `None` if the client has closed the connection.
async fn read(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(Request, bool)>> {
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
    let operation = header("x-amz-target").and_then(operation);
    let format = Format::of(header("content-type"));
    let last = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    rest.reserve(length.saturating_sub(rest.len()));
    while rest.len() < length {
        if connection.read_buf(&mut rest).await? == 0 {
            return Ok(None);
        }
    }
    *buffer = rest.split_off(length);
    Ok(Some((Request { operation, format, body: rest }, last)))
}

/// The bytes of a response.
fn write(response: &Response) -> Vec<u8> {
    let reason = match response.status {
        200 => "OK",
        500 => "Internal Server Error",
        _ => "Bad Request",
    };
    let Response { status, content_type, body } = response;
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         x-amzn-requestid: {REQUEST_ID}\r\n\r\n",
        body.len()
    );
    // One piece, so that it is one packet where it can be.
    [head.as_bytes(), body.as_slice()].concat()
}

/// Writes the events of a subscription, in chunks; whether the connection can be used for more.
async fn stream(connection: &mut TcpStream, mut subscription: Subscription) -> io::Result<bool> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {EVENTS}\r\ntransfer-encoding: chunked\r\nx-amzn-requestid: {REQUEST_ID}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await?;
    loop {
        match subscription.next().await {
            Pushed::Frame(frame) => connection.write_all(&chunk(&frame)).await?,
            Pushed::Half(frame) => {
                let chunk = chunk(&frame);
                connection.write_all(chunk.get(..chunk.len() / 2).unwrap_or_default()).await?;
                return Ok(false);
            }
            Pushed::Cut => return Ok(false),
            Pushed::End => {
                connection.write_all(b"0\r\n\r\n").await?;
                return Ok(true);
            }
        }
    }
}

fn chunk(frame: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", frame.len()).as_bytes(), frame, b"\r\n"].concat()
}

/// Writes a response in sixteen pieces.
async fn trickle(connection: &mut TcpStream, response: &[u8], time: Duration) -> io::Result<()> {
    for piece in response.chunks(response.len().div_ceil(16).max(1)) {
        connection.write_all(piece).await?;
        // The fault: an answer in sixteen pieces over this time.
        tokio::time::sleep(time / 16).await;
    }
    Ok(())
}
