//! The port on which a run shows its figures and says how it does.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | the figures, for Prometheus |
//! | `/health` | 200 while the pipeline starts or runs, 503 when it stands still; a JSON document |
//! | `/ready` | 200 while it runs, 503 otherwise; the same document |

use std::convert::Infallible;
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use super::monitor::Shared;
use super::prometheus;
use crate::clock;
use crate::error::{Error, Kind, Result};

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests that are answered at a time.
const AT_ONCE: usize = 16;

/// Takes the port. `9464` and `:9464` are ports of this machine alone; other addresses are taken as they are.
pub(super) fn bind(address: &str) -> Result<TcpListener> {
    let port = address.strip_prefix(':').unwrap_or(address);
    let whole = if port.parse::<u16>().is_ok() { format!("127.0.0.1:{port}") } else { address.to_owned() };
    let addresses = whole.to_socket_addrs().map_err(|error| {
        Error::new(Kind::Config, format!("`{address}` is no address for metrics: {error}"))
            .help("write a port such as `9464`, or an address and a port such as `0.0.0.0:9464`")
    })?;
    let listen = || -> std::io::Result<TcpListener> {
        let listener = TcpListener::bind(&*addresses.collect::<Vec<_>>())?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|error| {
        Error::new(Kind::Unavailable, format!("metrics cannot be shown on `{whole}`: {error}"))
            .caused_by(error)
            .help("give each pipeline of a machine a port of its own, or port 0 to have one chosen")
    })
}

/// Answers until it is dropped.
pub(super) async fn serve(listener: tokio::net::TcpListener, figures: &Shared) -> Infallible {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, most likely, which passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let figures = Arc::clone(figures);
        tokio::spawn(async move {
            let answers = service_fn(|request| {
                let answer = answer(&request, &figures);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut server = http1::Builder::new();
            let connection = server.timer(TokioTimer::new()).keep_alive(false);
            // Whoever goes away in the middle has no use for the answer.
            let _ = tokio::time::timeout(PATIENCE, connection.serve_connection(TokioIo::new(stream), answers)).await;
            drop(slot);
        });
    }
}

fn answer(request: &Request<Incoming>, figures: &Shared) -> Response<Full<Bytes>> {
    let says = |status: StatusCode, content: &'static str, body: String| {
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content));
        answer
    };
    let plain = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = says(StatusCode::METHOD_NOT_ALLOWED, plain, "GET is the only method\n".to_owned());
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let figures = super::monitor::lock(figures);
    let now = clock::monotonic();
    let health = |fine: bool| {
        let status = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        says(status, "application/json", format!("{}\n", figures.health(now)))
    };
    match request.uri().path() {
        "/metrics" => says(StatusCode::OK, prometheus::CONTENT_TYPE, prometheus::text(&figures)),
        "/health" => health(!figures.stalled(now)),
        "/ready" => health(figures.ready(now)),
        _ => says(StatusCode::NOT_FOUND, plain, "here are /metrics, /health and /ready\n".to_owned()),
    }
}
