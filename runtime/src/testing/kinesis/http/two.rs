//! HTTP/2 with prior knowledge, which is how SDKs speak it where there is no TLS.

use super::{BODY_LIMIT, EVENTS, Format, REQUEST_ID, Reply, Request, answer, operation};
use crate::testing::kinesis::faults::Fault;
use crate::testing::kinesis::push::{Pushed, Subscription};
use crate::testing::kinesis::state::Shared;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use std::future::poll_fn;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Answers the requests of one connection, all at the same time.
pub(super) async fn converse(connection: TcpStream, shared: Arc<Shared>) {
    let Ok(mut connection) = h2::server::handshake(connection).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = exchange(request, respond, &shared).await;
        });
    }
}

async fn exchange(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Arc<Shared>,
) -> Result<(), h2::Error> {
    let (head, mut incoming) = request.into_parts();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data?;
        incoming.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
        if body.len() > BODY_LIMIT {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
    }
    let operation = header("x-amz-target").and_then(operation);
    let format = Format::of(header("content-type"));
    match answer(shared, Request { operation, format, body }).await {
        Reply::Cut => respond.send_reset(Reason::INTERNAL_ERROR),
        Reply::Events(subscription) => {
            let mut stream = respond.send_response(head_of(200, EVENTS), false)?;
            events(&mut stream, subscription).await?;
        }
        Reply::Whole(response, fault) => {
            let mut stream = respond.send_response(head_of(response.status, response.content_type), false)?;
            let mut body = Bytes::from(response.body);
            match fault {
                Some(Fault::CutAnswer) => {
                    body.truncate(body.len() / 2);
                    send(&mut stream, body).await?;
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
                Some(Fault::Slow(time)) => {
                    let piece = body.len().div_ceil(16).max(1);
                    while !body.is_empty() {
                        send(&mut stream, body.split_to(piece.min(body.len()))).await?;
                        // As over HTTP/1.1: the answer comes in sixteen pieces.
                        tokio::time::sleep(time / 16).await;
                    }
                }
                _ => send(&mut stream, body).await?,
            }
            stream.send_data(Bytes::new(), true)?;
        }
    }
    Ok(())
}

fn head_of(status: u16, content_type: &'static str) -> http::Response<()> {
    let mut head = http::Response::new(());
    *head.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    head.headers_mut().insert("content-type", http::HeaderValue::from_static(content_type));
    head.headers_mut().insert("x-amzn-requestid", http::HeaderValue::from_static(REQUEST_ID));
    head
}

async fn events(stream: &mut SendStream<Bytes>, mut subscription: Subscription) -> Result<(), h2::Error> {
    loop {
        match subscription.next().await {
            Pushed::Frame(frame) => send(stream, frame.into()).await?,
            Pushed::Half(mut frame) => {
                frame.truncate(frame.len() / 2);
                send(stream, frame.into()).await?;
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            Pushed::Cut => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            Pushed::End => return stream.send_data(Bytes::new(), true),
        }
    }
}

/// Sends as the client takes it.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let Some(room) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return Err(Reason::CANCEL.into());
        };
        let room = room?.min(data.len());
        stream.send_data(data.split_to(room), false)?;
    }
    Ok(())
}
