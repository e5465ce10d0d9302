//! The HTTP client of object stores: hyper with rustls and ring, as the AWS SDK has it here, so that a program has one
//! TLS stack.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector as Connector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::time::timeout;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer begins: sending a part of a file, copying a whole one.
const ANSWER: Duration = Duration::from_secs(60);
/// How long an answer may pause.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// Makes clients.
#[derive(Debug)]
pub(super) struct Http {
    /// For an endpoint `http://`, for which there need not be a trusted certificate on this machine.
    pub(super) plain: bool,
}

impl Connector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(Duration::from_secs(15)));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        if self.plain {
            return Ok(HttpClient::new(Service { client: client(tcp) }));
        }
        Ok(HttpClient::new(Service { client: client(encrypted(tcp)?) }))
    }
}

/// Speaks TLS, with the certificates that the machine trusts. Also takes `http://`, where the credentials of an instance
/// are.
fn encrypted(tcp: HttpConnector) -> object_store::Result<HttpsConnector<HttpConnector>> {
    let failed = |error: Box<dyn Error + Send + Sync>| object_store::Error::Generic {
        store: "TLS",
        source: format!("there are no certificates to trust ({error}); install the package ca-certificates").into(),
    };
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| failed(error.into()))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, HttpRequestBody> {
    Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(connector)
}

struct Service<C> {
    client: Client<C, HttpRequestBody>,
}

impl<C> std::fmt::Debug for Service<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

#[async_trait]
impl<C: Connect + Clone + Send + Sync + 'static> HttpService for Service<C> {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = match timeout(ANSWER, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(refused(error)),
            Err(error) => return Err(HttpError::new(HttpErrorKind::Timeout, error)),
        };
        Ok(answer.map(|body| HttpResponseBody::new(StreamBody::new(stream::unfold(body, next).fuse()))))
    }
}

/// The next piece of an answer, which may not be long in coming.
async fn next(mut body: Incoming) -> Option<(Result<hyper::body::Frame<bytes::Bytes>, HttpError>, Incoming)> {
    let frame = match timeout(PAUSE, body.frame()).await {
        Ok(frame) => frame?.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)),
        Err(error) => Err(HttpError::new(HttpErrorKind::Timeout, error)),
    };
    Some((frame, body))
}

/// Whether a request that failed had been sent decides whether it may be repeated. A certificate that is not trusted
/// will not be the next time either.
fn refused(error: ClientError) -> HttpError {
    if let Some(hopeless) = of_tls(&error) {
        return HttpError::new(HttpErrorKind::Unknown, hopeless);
    }
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
    HttpError::new(kind, error)
}

/// The error of TLS that an error was caused by, if it is one that stays: a certificate that is not trusted, or a port
/// that does not speak TLS.
fn of_tls(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
            let stays = matches!(tls, InvalidCertificate(_) | InvalidMessage(_) | PeerIncompatible(_));
            return stays.then(|| tls.clone());
        }
        // What an error of input and output was made of is not its source: that is the source of what it was made of.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inside.map(|inside| inside as _).or_else(|| error.source());
    }
    None
}
