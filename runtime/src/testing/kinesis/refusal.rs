//! What the service says when it does not do what was asked.

use crate::error::{Error, Kind};
use std::fmt;

/// An answer that is an error: the code the service puts into `__type`, and its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    /// A refusal that is the client's fault, status 400.
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn throttled(what: impl fmt::Display) -> Self {
        Self::new("ProvisionedThroughputExceededException", format!("Rate exceeded for {what}"))
    }

    pub(super) fn expired_iterator() -> Self {
        Self::new("ExpiredIteratorException", "Iterator expired")
    }

    pub(super) fn internal() -> Self {
        Self { status: 500, code: "InternalFailure".to_owned(), message: "Internal failure".to_owned() }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::json!({ "__type": self.code, "message": self.message }).to_string().into_bytes()
    }
}

/// For the methods of the server that a test calls without HTTP.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Config, format!("{}: {}", refusal.code, refusal.message))
    }
}
