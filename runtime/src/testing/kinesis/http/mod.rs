//! The protocol: JSON 1.1 and CBOR 1.1 over HTTP/1.1 and HTTP/2, both in the clear on one port.

mod cbor;
mod one;
mod two;

use super::faults::Fault;
use super::push::Subscription;
use super::refusal::Refusal;
use super::state::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Largest body of a request, in bytes; a PutRecords call has at most 10 MiB, in base64.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
const SERVICE: &str = "Kinesis_20131202.";
const EVENTS: &str = "application/vnd.amazon.eventstream";
const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

/// How bodies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// The same in CBOR, as the SDK for Java has it: blobs are bytes, times are milliseconds.
    Cbor,
}

impl Format {
    fn of(content_type: Option<&str>) -> Self {
        if content_type.is_some_and(|content_type| content_type.contains("cbor")) { Self::Cbor } else { Self::Json }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// A body, out of JSON.
    pub(super) fn write(self, json: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Json => json,
            Self::Cbor => cbor::from_json(&json),
        }
    }
}

/// A request, over whatever it came.
struct Request {
    /// The operation of `X-Amz-Target`; none if it is not one of Kinesis.
    operation: Option<String>,
    format: Format,
    body: Vec<u8>,
}

/// What is to be sent.
enum Reply {
    Whole(Response, Option<Fault>),
    Events(Subscription),
    /// Nothing: the connection is closed.
    Cut,
}

struct Response {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

fn operation(target: &str) -> Option<String> {
    target.strip_prefix(SERVICE).map(str::to_owned)
}

/// Answers a request, once the fault that is planned for it allows.
async fn answer(shared: &Arc<Shared>, request: Request) -> Reply {
    let format = request.format;
    let whole = |answer: Result<Vec<u8>, Refusal>, fault| {
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, refusal.body()),
        };
        let body = if body.is_empty() { body } else { format.write(body) };
        Reply::Whole(Response { status, content_type: format.content_type(), body }, fault)
    };
    let Some(operation) = &request.operation else {
        return whole(Err(Refusal::new("UnknownOperationException", "This is Kinesis: POST with X-Amz-Target")), None);
    };
    let body = match format {
        Format::Json => request.body,
        Format::Cbor => match cbor::to_json(&request.body) {
            Some(body) => body,
            None => return whole(Err(Refusal::new("SerializationException", "The body is no CBOR.")), None),
        },
    };
    let admitted = shared.lock().admit(operation, &body);
    match admitted.fault {
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::CutConnection) => {
            shared.lock().note_cut(&admitted);
            return Reply::Cut;
        }
        _ => {}
    }
    if operation == "SubscribeToShard" {
        return match shared.lock().subscribe(&admitted, &body) {
            Ok(start) => Reply::Events(Subscription::new(Arc::clone(shared), start, format)),
            Err(refusal) => whole(Err(refusal), None),
        };
    }
    let answer = shared.lock().answer(&admitted, &body);
    whole(answer, admitted.fault)
}

/// Serves until `stop` is sent or dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<()>) {
    let accept = async {
        loop {
            // Accepting fails when the process has too many files open; a later connection may do better.
            if let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(converse(connection, Arc::clone(&shared)));
            } else {
                // Out of file descriptors, most likely: wait until a connection has closed.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop => {}
    }
}

/// Answers the requests of one connection. How it ends is nobody's to hear.
async fn converse(connection: TcpStream, shared: Arc<Shared>) {
    let _ = connection.set_nodelay(true);
    let mut first = [0; 4];
    // HTTP/2 begins with `PRI * HTTP/2.0`, and no request of HTTP/1.1 does. The bytes may come one by one.
    loop {
        match connection.peek(&mut first).await {
            Ok(4) => break,
            // `peek` gives what is there at once; the rest of the first bytes is on its way.
            Ok(1..) => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => return,
        }
    }
    if &first == b"PRI " {
        two::converse(connection, shared).await;
    } else {
        let _ = one::converse(connection, shared).await;
    }
}
