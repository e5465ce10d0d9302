//! What a failed request means, in words.

use std::error::Error as _;
use std::time::Duration;

use object_store::Error as Fault;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, Kind};

/// What to do about a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// There is nothing of this name.
    Missing,
    /// The name is taken, or somebody else is about to take it.
    Taken,
    /// The keys are too old.
    Expired,
    /// We may not do that.
    Denied,
    /// Nobody answered, or the service is not well: what was asked for may have been done.
    Away,
    /// Its certificate is not trusted, or it does not speak TLS.
    Untrusted,
    /// Something else, which will not pass.
    Other,
}

impl Class {
    pub(super) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::NotFound { .. } => Self::Missing,
            Fault::AlreadyExists { .. } | Fault::Precondition { .. } => Self::Taken,
            _ => {
                let text = fault.to_string();
                let status = status(&text);
                if text.contains("<Code>ExpiredToken") {
                    Self::Expired
                } else if matches!(fault, Fault::PermissionDenied { .. } | Fault::Unauthenticated { .. })
                    // A request for several objects at once, in Azure.
                    || matches!(status, Some(401 | 403))
                {
                    Self::Denied
                } else if matches!(transport(fault), Some(HttpErrorKind::Unknown)) {
                    Self::Untrusted
                } else if transport(fault).is_some() || matches!(status, Some(408 | 429 | 500 | 502..)) || slow(&text) {
                    Self::Away
                } else {
                    Self::Other
                }
            }
        }
    }
}

/// An answer of S3 that says 200, or 400 because we were too slow ourselves, and means 503.
fn slow(text: &str) -> bool {
    ["SlowDown", "InternalError", "RequestTimeout<"].iter().any(|code| text.contains(&format!("<Code>{code}")))
}

/// Why no answer came, if none did.
fn transport(fault: &Fault) -> Option<HttpErrorKind> {
    let mut source = fault.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

/// The fault of a call that was given up.
pub(super) fn late(after: Duration) -> Fault {
    let source = HttpError::new(HttpErrorKind::Timeout, std::io::Error::from(std::io::ErrorKind::TimedOut));
    Fault::Generic { store: "no answer", source: Box::new(Late { after, source }) }
}

#[derive(Debug, thiserror::Error)]
#[error("given up after {after:?}")]
struct Late {
    after: Duration,
    source: HttpError,
}

/// The status of the answer, as the text of the error has it.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// What the service says, without what it repeats of our request: the answer to a wrong signature holds the text that
/// was to be signed.
fn words(text: &str) -> String {
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim().to_owned())
    };
    match (tag("Code"), tag("Message")) {
        // Azure adds the request's number and time, each in a line.
        (Some(code), Some(message)) if !message.is_empty() => {
            format!("{code}: {}", message.lines().next().unwrap_or_default().trim_end())
        }
        (Some(code), _) => code,
        (None, _) => {
            // Of other errors the first line says what happened; the body of an answer begins after the status.
            let end = text.find('<').unwrap_or(text.len());
            text.get(..end).unwrap_or(text).trim_end_matches([':', ' ', '\n']).to_owned()
        }
    }
}

/// The error of a run that ends because of a request. `doing` is like "reading", `place` a URL.
pub(super) fn error(doing: &str, place: &str, fault: &Fault) -> Error {
    let text = fault.to_string();
    let error = |kind, help: &str| Error::new(kind, format!("{doing} `{place}`: {}", words(&text))).help(help);
    match Class::of(fault) {
        Class::Missing => {
            error(Kind::Config, "see whether the bucket exists, and whether the endpoint is the right one")
        }
        Class::Denied | Class::Expired => error(
            Kind::Config,
            "give credentials that may do it; the guide to operations lists the permissions that are needed",
        ),
        Class::Away => error(
            Kind::Unavailable,
            "check the network and the state of the service; a restart goes on where the last commit ended",
        ),
        Class::Untrusted => {
            error(Kind::Config, "correct the endpoint, or name the certificate of its authority in SSL_CERT_FILE")
        }
        Class::Other if text.contains("redirect") => {
            error(Kind::Config, "the bucket is in another region: set the option `region`, or AWS_REGION")
        }
        Class::Other
            if status(&text) == Some(501)
                || matches!(fault, Fault::NotImplemented { .. } | Fault::NotSupported { .. }) =>
        {
            error(
                Kind::Config,
                "this store cannot hold a pipeline's files: it must create an object only if there is none (`If-None-Match`)",
            )
        }
        Class::Taken | Class::Other => error(Kind::Io, "see what the service says"),
    }
}
