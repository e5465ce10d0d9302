//! Shard iterators and `NextToken`s: what the server hands out to be given back.
//!
//! The server keeps nothing about them; all it has to know is inside, in base64 that a client has no reason to read.

use super::model::Sequence;
use super::refusal::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The inside of a shard iterator.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "iterator")]
pub(super) struct IteratorToken {
    pub(super) stream: String,
    pub(super) stamp: u64,
    pub(super) shard: String,
    /// The next record to read is the first one that is not before this [`Sequence`]; in digits, since JSON has no such
    /// numbers.
    from: String,
    /// Milliseconds since 1970.
    pub(super) issued: i64,
}

/// The inside of the `NextToken` of ListShards.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "shards")]
pub(super) struct ShardsToken {
    pub(super) stream: String,
    pub(super) stamp: u64,
    pub(super) filter: Option<ShardFilter>,
    /// The last shard of the page before.
    pub(super) after: usize,
    /// Milliseconds since 1970.
    pub(super) issued: i64,
}

/// Which shards ListShards gives.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardFilter {
    pub(super) r#type: String,
    pub(super) shard_id: Option<String>,
    /// Seconds since 1970.
    pub(super) timestamp: Option<f64>,
}

impl IteratorToken {
    pub(super) fn new(stream: &str, stamp: u64, shard: String, from: Sequence, issued: i64) -> Self {
        Self { stream: stream.to_owned(), stamp, shard, from: from.to_string(), issued }
    }

    pub(super) fn from(&self) -> Result<Sequence, Refusal> {
        self.from.parse().map_err(|_| Refusal::invalid("Invalid ShardIterator."))
    }
}

pub(super) fn encode(token: &impl Serialize) -> Result<String, Refusal> {
    let inside = serde_json::to_vec(token).map_err(|_| Refusal::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(inside))
}

pub(super) fn decode<T: DeserializeOwned>(token: &str, what: &str) -> Result<T, Refusal> {
    let inside = URL_SAFE_NO_PAD.decode(token).ok();
    inside
        .and_then(|inside| serde_json::from_slice(&inside).ok())
        .ok_or_else(|| Refusal::invalid(format!("Invalid {what}.")))
}
