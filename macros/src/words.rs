//! Every word of the language, once. Names of sources, formats, aggregates and sinks are no words: they are Rust items.

pub(crate) const FROM: &str = "from";
pub(crate) const DECODE: &str = "decode";
pub(crate) const FILTER: &str = "filter";
pub(crate) const SELECT: &str = "select";
pub(crate) const DROP: &str = "drop";
pub(crate) const EXPLODE: &str = "explode";
pub(crate) const WATERMARK: &str = "watermark";
pub(crate) const GROUP_BY: &str = "group_by";
pub(crate) const AGG: &str = "agg";
pub(crate) const SINK: &str = "sink";

/// The stages, in the order in which a list of them is shown.
pub(crate) const STAGES: &[&str] = &[FROM, DECODE, FILTER, SELECT, DROP, EXPLODE, WATERMARK, GROUP_BY, AGG, SINK];

/// Stages that the language has but this version does not.
pub(crate) const LATER: &[&str] =
    &["dedup", "running", "join", "left", "right", "full", "semi", "anti", "top", "process", "union"];

/// What other dialects call a stage, and what it is called here.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("where", FILTER),
    ("having", FILTER),
    ("map", SELECT),
    ("project", SELECT),
    ("with_column", SELECT),
    ("group", GROUP_BY),
    ("key_by", GROUP_BY),
    ("aggregate", AGG),
    ("flat_map", EXPLODE),
    ("unnest", EXPLODE),
    ("parse", DECODE),
    ("read", FROM),
    ("source", FROM),
    ("to", SINK),
    ("into", SINK),
    ("write", SINK),
];

pub(crate) const AS: &str = "as";
pub(crate) const ELSE: &str = "else";
pub(crate) const MODE: &str = "mode";
pub(crate) const NAME: &str = "name";
pub(crate) const TTL: &str = "ttl";
pub(crate) const NEVER: &str = "never";
pub(crate) const OUTER: &str = "outer";
pub(crate) const EVERY: &str = "every";
pub(crate) const LET: &str = "let";

/// What becomes of a record that cannot be decoded, or of a row that is late.
pub(crate) const FAIL: &str = "fail";
pub(crate) const SKIP: &str = "skip";
pub(crate) const DEAD_LETTER: &str = "dead_letter";
pub(crate) const POLICIES: &[&str] = &[FAIL, SKIP, DEAD_LETTER];

pub(crate) const TUMBLING: &str = "tumbling";
pub(crate) const SLIDING: &str = "sliding";
pub(crate) const SESSION: &str = "session";
pub(crate) const WINDOWS: &[&str] = &[TUMBLING, SLIDING, SESSION];

pub(crate) const APPEND: &str = "append";
pub(crate) const UPDATE: &str = "update";
pub(crate) const COMPLETE: &str = "complete";
pub(crate) const MODES: &[&str] = &[APPEND, UPDATE, COMPLETE];

/// The source's own metadata, in expressions after `decode`.
pub(crate) const RECORD: &str = "record";
/// The column that `decode` reads.
pub(crate) const DATA: &str = "data";
/// The option of a sink whose columns must be able to name a folder.
pub(crate) const PARTITION_BY: &str = "partition_by";

/// Units of durations, in microseconds.
pub(crate) const UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Units of sizes, in bytes.
pub(crate) const SIZES: &[(&str, u64)] = &[("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30)];
