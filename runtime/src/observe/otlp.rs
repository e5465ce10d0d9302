//! Figures sent to a collector of OpenTelemetry: OTLP over HTTP in its JSON encoding,
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>, to `/v1/metrics`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::RUN;
use super::figures::{BOUNDS, Family, Figures, Unit, Values};
use super::monitor::{Shared, lock};
use crate::clock;
use crate::error::{Error, Kind, Result};
use crate::loopback::is_loopback;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// A collector, and what is sent with every request.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    url: String,
    /// They may be keys.
    headers: Vec<(String, Secret)>,
    /// Names and values that say who sends.
    resource: BTreeMap<String, String>,
    interval: Duration,
    timeout: Duration,
}

impl Collector {
    /// The collector at `url`, with what the variables of OpenTelemetry say besides.
    pub(crate) fn at(url: &str, variable: impl Fn(&str) -> Option<String>) -> Self {
        let of = |name: &str| variable(&format!("OTEL_EXPORTER_OTLP_METRICS_{name}"));
        let either = |name: &str| of(name).or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")));
        let millis = |text: Option<String>, default: u64| {
            Duration::from_millis(
                text.and_then(|text| text.parse().ok()).filter(|millis| *millis > 0).unwrap_or(default),
            )
        };
        let headers = either("HEADERS").unwrap_or_default();
        let mut resource: BTreeMap<_, _> = pairs(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()).collect();
        resource.extend(variable("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
        Self {
            url: url.to_owned(),
            headers: pairs(&headers).map(|(name, value)| (name, Secret::from(value))).collect(),
            resource,
            interval: millis(variable("OTEL_METRIC_EXPORT_INTERVAL"), 60_000),
            timeout: millis(either("TIMEOUT"), 10_000),
        }
    }
}

/// `key=value` pairs between commas, in which `%2C` stands for a comma.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decoded(key.trim()), decoded(value.trim())))
}

/// Text in which bytes are written as `%2C`; what is not written so is taken as it is.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).1,
            None => (bytes.push(*first), rest = after).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends figures to a collector.
pub(super) struct Exporter {
    to: Collector,
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Whether it has been said that the collector takes nothing, since it last did.
    failing: AtomicBool,
}

impl Exporter {
    /// # Errors
    /// The address is none, would send keys unencrypted, or the machine trusts no certificate.
    pub(super) fn new(to: &Collector) -> Result<Self> {
        let wrong = |why: &dyn Display| {
            Error::new(Kind::Config, format!("`{}` is no address of a collector: {why}", to.url))
                .help("write it as `http://localhost:4318` or `https://collector.example.com`")
        };
        // What stands before an `@` is a password, and is not shown.
        if to.url.contains('@') {
            return Err(Error::new(Kind::Config, "the address of the collector has a user in it")
                .help("give keys in the variable OTEL_EXPORTER_OTLP_HEADERS"));
        }
        let uri: Uri = format!("{}/v1/metrics", to.url.trim_end_matches('/')).parse().map_err(|error| wrong(&error))?;
        uri.host().ok_or_else(|| wrong(&"it names no host"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&to.url) || to.headers.is_empty() => {}
            Some("http") => {
                return Err(wrong(&"the headers of OTEL_EXPORTER_OTLP_HEADERS would be sent unencrypted"));
            }
            _ => return Err(wrong(&"it begins with neither `https://` nor `http://`")),
        }
        let tls = HttpsConnectorBuilder::new();
        // Certificates are needed for encrypted connections only.
        let tls = if uri.scheme_str() == Some("https") {
            tls.with_provider_and_native_roots(rustls::crypto::ring::default_provider()).map_err(|error| {
                Error::io("reading the certificates to trust", error).help("install the package ca-certificates")
            })?
        } else {
            let none = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(|error| wrong(&error))?;
            tls.with_tls_config(none.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
        };
        let client = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build());
        Ok(Self { to: to.clone(), uri, client, failing: AtomicBool::new(false) })
    }

    /// Sends the figures at each interval, for ever.
    pub(super) async fn run(&self, figures: &Shared) -> Infallible {
        loop {
            tokio::time::sleep(self.to.interval).await;
            self.export(figures).await;
        }
    }

    /// Sends the figures as they are now. What fails is not sent again, since the next time says all.
    pub(super) async fn export(&self, figures: &Shared) {
        let body = request(&lock(figures), &self.to.resource, clock::now()).to_string();
        let sent = tokio::time::timeout(self.to.timeout, self.post(body)).await;
        let failed = match sent {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some(format!("no answer within {:?}", self.to.timeout)),
        };
        let before = self.failing.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            Some(why) if !before => {
                tracing::warn!(target: RUN, collector = self.to.url, "metrics are not taken: {why}")
            }
            None if before => tracing::info!(target: RUN, collector = self.to.url, "metrics are taken again"),
            _ => {}
        }
    }

    async fn post(&self, body: String) -> Result<(), String> {
        let mut request = Request::post(&self.uri).header(hyper::header::CONTENT_TYPE, "application/json");
        for (name, value) in &self.to.headers {
            request = request.header(name, value.expose());
        }
        let request = request.body(Full::new(Bytes::from(body)));
        // Its error would show the header.
        let request = request.map_err(|_| "a header of OTEL_EXPORTER_OTLP_HEADERS is none".to_owned())?;
        let answer = self.client.request(request).await.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        })?;
        let status = answer.status();
        let said = Limited::new(answer.into_body(), ANSWER).collect().await.map(|said| said.to_bytes());
        let said = said.unwrap_or_default();
        if status != StatusCode::OK {
            return Err(format!("{status} {}", String::from_utf8_lossy(&said).chars().take(200).collect::<String>()));
        }
        let answer: Value = serde_json::from_slice(&said).unwrap_or_default();
        match answer["partialSuccess"]["errorMessage"].as_str().filter(|message| !message.is_empty()) {
            Some(message) => Err(message.to_owned()),
            None => Ok(()),
        }
    }
}

/// An `ExportMetricsServiceRequest`.
fn request(figures: &Figures, resource: &BTreeMap<String, String>, now: Timestamp) -> Value {
    let nanos = |time: Timestamp| (i128::from(time.micros()) * 1_000).to_string();
    let times = (nanos(figures.since), nanos(now));
    let mut of = BTreeMap::from([("service.name".to_owned(), "millstream".to_owned())]);
    of.extend(figures.pipeline.iter().map(|name| ("service.name".to_owned(), name.clone())));
    of.extend(resource.clone());
    let metrics: Vec<_> = figures.families().iter().map(|family| metric(family, &times)).collect();
    json!({ "resourceMetrics": [{
        "resource": { "attributes": attributes(of.iter().map(|(name, value)| (name.as_str(), value.as_str()))) },
        "scopeMetrics": [{
            "scope": { "name": "millstream", "version": env!("CARGO_PKG_VERSION") },
            "metrics": metrics,
        }],
    }]})
}

/// A figure, with the beginning and the end of the time it is of.
fn metric(family: &Family, (since, now): &(String, String)) -> Value {
    let unit = match family.unit {
        Unit::One => "1",
        Unit::Seconds | Unit::Time => "s",
        Unit::Bytes => "By",
    };
    let labels =
        |labels: &[(&'static str, String)]| attributes(labels.iter().map(|(name, value)| (*name, value.as_str())));
    // Cumulative: what has come together since the run began.
    let temporality = 2;
    let (kind, data) = match &family.values {
        Values::Gauge(points) => {
            let points: Vec<_> = points
                .iter()
                .map(|of| json!({ "attributes": labels(&of.labels), "timeUnixNano": now, "asDouble": of.value }))
                .collect();
            ("gauge", json!({ "dataPoints": points }))
        }
        Values::Counter(points) => {
            let point = |of: &super::figures::Point<f64>| {
                json!({
                    "attributes": labels(&of.labels), "startTimeUnixNano": since, "timeUnixNano": now, "asDouble": of.value,
                })
            };
            let points: Vec<_> = points.iter().map(point).collect();
            ("sum", json!({ "aggregationTemporality": temporality, "isMonotonic": true, "dataPoints": points }))
        }
        Values::Histogram(points) => {
            let point = |of: &super::figures::Point<super::figures::Histogram>| {
                let counts = of.value.counts;
                json!({
                    "attributes": labels(&of.labels), "startTimeUnixNano": since, "timeUnixNano": now,
                    "count": counts.iter().sum::<u64>().to_string(), "sum": of.value.sum,
                    "bucketCounts": counts.map(|count| count.to_string()), "explicitBounds": BOUNDS,
                })
            };
            let points: Vec<_> = points.iter().map(point).collect();
            ("histogram", json!({ "aggregationTemporality": temporality, "dataPoints": points }))
        }
    };
    json!({ "name": format!("millstream.{}", family.name), "description": family.help, "unit": unit, kind: data })
}

fn attributes<'a>(of: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    of.map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect()
}
