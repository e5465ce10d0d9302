//! Who a checkpoint belongs to, and who writes to it.

use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::savepoint::Origin;
use crate::error::{Error, Kind, Result};
use crate::store::{Created, RESTORE, Store, digest_of, join, safe_part};

const PIPELINE: &str = "PIPELINE.json";
/// The folder of the descriptions.
pub(super) const PLAN: &str = "plan";
const FORMAT_VERSION: u32 = 1;
/// The number of key groups of a new checkpoint.
pub const KEY_GROUPS: u16 = 128;

/// `PIPELINE.json`: made once, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A version 7 UUID.
    pub pipeline_id: String,
    /// The version of the layout of the checkpoint.
    pub format_version: u32,
    /// The number of key groups, fixed for life.
    pub key_groups: u16,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// The savepoint that it began from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The latest epoch of files that were in its outputs before it; 0 if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub strangers: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The process that opens a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its host.
    pub host: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, in microseconds since 1970.
    pub started: i64,
    /// The same as text for people.
    pub started_text: String,
    /// Which build of the program it is.
    pub build: String,
    /// What tells it from every other process, for ever: 32 hex digits.
    pub nonce: String,
}

impl Instance {
    /// This process.
    #[must_use]
    pub fn here(build: impl Into<String>) -> Self {
        let started = crate::clock::now().micros();
        Self {
            host: crate::store::host(),
            pid: std::process::id(),
            started,
            started_text: utc(started),
            build: build.into(),
            nonce: format!("{:032x}", random()),
        }
    }
}

impl Identity {
    /// Reads who the checkpoint belongs to; `None` if it is new.
    pub(super) fn read(store: &dyn Store) -> Result<Option<Self>> {
        let path = store.describe(PIPELINE);
        let Some(bytes) = store.read(PIPELINE)? else { return Ok(None) };
        let identity: Self = serde_json::from_slice(&bytes)
            .map_err(|e| Error::new(Kind::Io, format!("`{path}` is corrupt: {e}")).help("restore it from a backup"))?;
        if identity.format_version > FORMAT_VERSION {
            let version = identity.format_version;
            return Err(Error::new(
                Kind::Config,
                format!("`{path}` has format {version}, this build reads {FORMAT_VERSION}"),
            )
            .help("start the newer build that wrote it"));
        }
        Ok(Some(identity))
    }

    /// Reads it, or makes it if the checkpoint is new.
    pub(super) fn read_or_create(
        store: &dyn Store,
        instance: &Instance,
        key_groups: u16,
        origin: Option<Origin>,
        strangers: u64,
    ) -> Result<Self> {
        if let Some(identity) = Self::read(store)? {
            return Ok(identity);
        }
        // It is made before the first slot, so where there are slots it was taken away, unless another process has made both
        // since we looked.
        if store.list(super::log::LOG)?.iter().any(|entry| entry.name.ends_with(".rec")) {
            let gone = || {
                let path = store.describe(PIPELINE);
                Error::new(Kind::Io, format!("`{path}` is missing, and the log beside it has slots")).help(RESTORE)
            };
            return Self::read(store)?.ok_or_else(gone);
        }
        let new = Self {
            pipeline_id: uuid_v7(instance.started, random()),
            format_version: FORMAT_VERSION,
            key_groups,
            created: instance.started,
            origin,
            strangers,
        };
        match store.create_only(PIPELINE, &pretty(&new)?)? {
            Created::Created => Ok(new),
            // Another process was first, or an answer was lost: what is there counts.
            Created::Exists | Created::Unknown(_) => Self::read(store)?.ok_or_else(|| {
                Error::new(Kind::Io, format!("`{}` was made and is gone", store.describe(PIPELINE))).help("start again")
            }),
        }
    }
}

/// Keeps the description of a pipeline under its fingerprint.
pub(super) fn write_plan(store: &dyn Store, fingerprint: &str, descriptor: &Value) -> Result<()> {
    match store.create_only(&plan_path(fingerprint), &pretty(descriptor)?)? {
        Created::Created | Created::Exists => Ok(()),
        Created::Unknown(error) => Err(error),
    }
}

/// The description of the pipeline that wrote a record.
pub(super) fn read_plan(store: &dyn Store, fingerprint: &str) -> Result<Value> {
    let path = plan_path(fingerprint);
    let why = match store.read(&path)? {
        None => "is missing".to_owned(),
        Some(bytes) => match serde_json::from_slice(&bytes) {
            Ok(plan) if is_of(&plan, fingerprint) => return Ok(plan),
            Ok(_) => "is corrupt: its content is not what its name says".to_owned(),
            Err(e) => format!("is corrupt: {e}"),
        },
    };
    Err(Error::new(
        Kind::Io,
        format!("`{}`, which describes the pipeline of the last commit, {why}", store.describe(&path)),
    )
    .help("restore it from a backup, or start the build that made the last commit once"))
}

/// Whether a description has the fingerprint, where that is a sum: xxh3 of 64 or 128 bits.
fn is_of(plan: &Value, fingerprint: &str) -> bool {
    let text = plan.to_string();
    match fingerprint.len() {
        16 => format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())) == fingerprint,
        32 => digest_of(text.as_bytes()) == fingerprint,
        _ => true,
    }
}

fn plan_path(fingerprint: &str) -> String {
    join(PLAN, &format!("{}.json", safe_part(fingerprint)))
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(Kind::Internal, format!("a description cannot be written as JSON: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Random bits of the operating system, by way of the keys that it gives to hash tables. Unique is all they have to be.
pub(super) fn random() -> u128 {
    let half = |salt: u8| u128::from(RandomState::new().hash_one((std::process::id(), crate::clock::now(), salt)));
    half(0) << 64 | half(1)
}

pub(super) fn uuid_v7(micros: i64, random: u128) -> String {
    let millis = u128::try_from(micros / 1000).unwrap_or(0) & 0xffff_ffff_ffff;
    let bits = millis << 80 | 0x7 << 76 | (random >> 64 & 0xfff) << 64 | 0x2 << 62 | random & 0x3fff_ffff_ffff_ffff;
    let hex = format!("{bits:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// `2026-11-21T10:02:00Z`, for messages.
fn utc(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March here, so that the leap day is the last of a year (Howard Hinnant's civil_from_days).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
