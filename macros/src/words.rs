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

/// What other dialects call a stage, and what it is called here. Case and underscores do not count: `groupBy`, `GROUP_BY`.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("read", FROM),
    ("read_stream", FROM),
    ("source", FROM),
    ("parse", DECODE),
    ("from_json", DECODE),
    ("deserialize", DECODE),
    ("where", FILTER),
    ("having", FILTER),
    ("map", SELECT),
    ("project", SELECT),
    ("with_column", SELECT),
    ("flat_map", EXPLODE),
    ("unnest", EXPLODE),
    ("lateral", EXPLODE),
    ("with_watermark", WATERMARK),
    ("assign_timestamps_and_watermarks", WATERMARK),
    ("group", GROUP_BY),
    ("key_by", GROUP_BY),
    ("partition", GROUP_BY),
    ("partition_by", GROUP_BY),
    ("aggregate", AGG),
    ("reduce", AGG),
    ("to", SINK),
    ("into", SINK),
    ("insert", SINK),
    ("write", SINK),
    ("write_stream", SINK),
    ("distinct", "dedup"),
    ("drop_duplicates", "dedup"),
    ("deduplicate", "dedup"),
    ("inner", "join"),
    ("cross", "join"),
    ("union_all", "union"),
];

/// Words of other dialects that are no stage here: what is said, and what to write.
pub(crate) const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("order", UNSORTED.0, UNSORTED.1),
    ("order_by", UNSORTED.0, UNSORTED.1),
    ("sort", UNSORTED.0, UNSORTED.1),
    ("sort_by", UNSORTED.0, UNSORTED.1),
    ("limit", ENDLESS.0, ENDLESS.1),
    ("take", ENDLESS.0, ENDLESS.1),
    ("window", WINDOWED.0, WINDOWED.1),
    (TUMBLING, WINDOWED.0, WINDOWED.1),
    (SLIDING, WINDOWED.0, WINDOWED.1),
    (SESSION, WINDOWED.0, WINDOWED.1),
    (
        "count",
        "an aggregate is an item of `agg`",
        "write `group_by { device_id, w = tumbling(1min) } | agg { n = count() }`",
    ),
    (
        "trigger",
        "how a pipeline runs is said in Rust, after `pipeline!`",
        "write `pipeline.trigger(Trigger::every(secs(10)))`",
    ),
    (
        "checkpoint",
        "how a pipeline runs is said in Rust, after `pipeline!`",
        "write `pipeline.checkpoint(\"out/_checkpoint\")`",
    ),
    ("name", "a pipeline is named in Rust, after `pipeline!`", "write `pipeline.name(\"readings\")`"),
    ("else", "`else` belongs to a stage", "write it at the end of the stage, without a `|` before it"),
    ("mode", "`mode` belongs to `sink`", "write it at the end of `sink`, without a `|` before it"),
];

const UNSORTED: (&str, &str) =
    ("a stream cannot be sorted: it has no end", "take this stage away, and sort what the sink has written");
const ENDLESS: (&str, &str) = (
    "a stream has no first rows",
    "take this stage away; `.max_rows_per_epoch(100).trigger(Trigger::Once)` reads a few",
);
const WINDOWED: (&str, &str) =
    ("a window is an item of `group_by`", "write `group_by { device_id, w = tumbling(1min) }`");

/// What other dialects call a window.
pub(crate) const WINDOW_ALIASES: &[(&str, &str)] =
    &[("tumble", TUMBLING), ("window", TUMBLING), ("hop", SLIDING), ("hopping", SLIDING), ("slide", SLIDING)];

/// Whether two words are the same but for case and underscores.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    let letters = |word: &str| word.replace('_', "").to_lowercase();
    letters(one) == letters(other)
}

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

/// Options that take columns, whatever the connector: a bare word is none of its own words there.
pub(crate) const OF_COLUMNS: &[&str] = &[PARTITION_BY, "sort", "hash_key"];

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
