//! Where a shard is read on: what a checkpoint keeps of it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seen::Seen;
use crate::Result;
use crate::error::{Error, Kind};
use crate::time::Timestamp;

/// Where a shard begins that nothing was read of.
///
/// In a checkpoint a text: `trim_horizon`, or the time in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) enum Origin {
    /// At the oldest record there is.
    TrimHorizon,
    /// At the first record that arrived at this time or later.
    At(Timestamp),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrimHorizon => f.write_str("trim_horizon"),
            Self::At(time) => write!(f, "{time}"),
        }
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        if text == "trim_horizon" { Ok(Self::TrimHorizon) } else { text.parse().map(Self::At) }
    }
}

/// How far a shard has been handed out.
///
/// `{"sequence_number": "4960..", "n": 17}` or, before the first record, `{"start": "trim_horizon"}`. A shard that was
/// drained needs none of it and has `{}`, unless it was written to by a sink of millstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// The last Kinesis record that was handed out, with all the user records in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<String>,
    /// Where to begin as long as there is no sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<Origin>,
    /// How many user records were handed out, over all runs; the number of the next one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) n: u64,
    /// An hour (in seconds since 1970) at which there was nothing in the shard that was not handed out. Kept to the
    /// hour, so that an idle shard does not change its position all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) caught_up: Option<i64>,
    /// What was read of millstream's own sinks; a shard that was drained keeps it for its children.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    pub(super) seen: Seen,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Position {
    pub(super) fn start(origin: Origin) -> Self {
        Self { start: Some(origin), ..Self::default() }
    }

    /// What is left of it once the shard is drained.
    pub(super) fn of_drained(self) -> Self {
        Self { seen: self.seen, ..Self::default() }
    }

    pub(super) fn value(&self) -> Value {
        // A struct of texts and numbers always has a value.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    pub(super) fn parse(value: &Value, stream: &str, shard: &str) -> Result<Self> {
        Self::deserialize(value).map_err(|error| {
            let message =
                format!("the checkpoint's position of shard {shard} of stream {stream} is `{value}`: {error}");
            Error::new(Kind::Config, message).help("the checkpoint is another pipeline's or of a newer version")
        })
    }
}

/// Compares sequence numbers, which are decimal numbers of 1 to 129 digits.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}
