//! What a checkpoint remembers of the pipeline that wrote it; [`compare`](super::compare) says whether another may go on from
//! there.

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{KeyedPlan, Plan};
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::RowBuilder;

/// The parts of a pipeline that a checkpoint depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Descriptor {
    /// The kind of the source.
    pub source: String,
    /// What it reads.
    pub target: String,
    /// How records are decoded, in words.
    #[serde(default)]
    pub decode: String,
    /// Keyed stages, in their order.
    pub keyed: Vec<KeyedDescriptor>,
    /// The delay of the watermark in microseconds.
    pub watermark: Option<i64>,
    /// Which groups reach the sink, and when; `append` and `update` may take each other's place.
    pub mode: String,
    /// Sinks: the pipeline's own, then those of the dead letters.
    pub sinks: Vec<SinkDescriptor>,
    /// Stages without state, in the user's words; they may change.
    pub stages: Vec<String>,
}

/// A keyed stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyedDescriptor {
    /// Its identity.
    pub name: String,
    /// Its window; empty when it has none.
    pub window: String,
    /// How long groups without a window last.
    pub ttl: Option<String>,
    /// Names and types of its keys.
    pub keys: Vec<(String, String)>,
    /// Names and types of its accumulators.
    pub values: Vec<(String, String)>,
    /// The expressions of keys and aggregates, where they are known.
    #[serde(default)]
    pub expressions: Vec<(String, String)>,
}

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkDescriptor {
    /// What goes there.
    pub role: String,
    /// The kind.
    pub kind: String,
    /// Where it writes to.
    pub target: String,
    /// Whether it writes files, which stay there for readers, rather than to hand rows over.
    #[serde(default)]
    pub files: bool,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// Options that decide where rows go, such as `partition_by`.
    pub options: Vec<(String, String)>,
}

impl Descriptor {
    /// Describes a pipeline.
    pub(crate) fn of(plan: &Plan) -> Self {
        let source = plan.source.describe();
        let sink = |role: &str, sink: &dyn crate::sink::Sink, schema: &arrow::datatypes::Schema| {
            let description = sink.describe();
            SinkDescriptor {
                role: role.to_owned(),
                kind: description.kind.to_owned(),
                files: description.exactly_once,
                target: description.target,
                columns: schema
                    .fields()
                    .iter()
                    .map(|field| (field.name().clone(), words_of(field.data_type(), field.is_nullable())))
                    .collect(),
                options: description
                    .options
                    .into_iter()
                    .filter(|(name, _)| *name == "partition_by")
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            }
        };
        let mut sinks = vec![sink("rows", plan.sink.as_ref(), &plan.schema)];
        let letters = crate::operator::dead_letters::Builders::schema();
        for (role, of) in [("dead letters", &plan.dead_letters), ("late rows", &plan.late_letters)] {
            sinks.extend(of.as_ref().map(|of| sink(role, of.as_ref(), &letters)));
        }
        let mut expressions = expressions(&plan.stages).into_iter();
        Self {
            source: source.kind.to_owned(),
            target: source.target,
            decode: plan.decode.clone(),
            keyed: plan
                .keyed
                .iter()
                .map(|keyed| KeyedDescriptor {
                    name: keyed.spec.name.clone(),
                    window: if windowed(keyed) { keyed.spec.window.to_string() } else { String::new() },
                    ttl: (!windowed(keyed)).then(|| keyed.spec.window.to_string()),
                    keys: keys(keyed),
                    values: values(keyed),
                    expressions: expressions.next().unwrap_or_default(),
                })
                .collect(),
            watermark: plan.watermark.map(crate::time::micros),
            mode: plan.mode.to_string(),
            sinks,
            stages: plan.stages.clone(),
        }
    }

    /// What a checkpoint has kept.
    ///
    /// # Errors
    /// Another version of millstream has written it, in a form that this one does not know.
    pub(crate) fn read(value: &Value) -> Result<Self> {
        Self::deserialize(value).map_err(|error| {
            Error::new(Kind::Config, "the description of the old pipeline in the checkpoint cannot be read")
                .caused_by(error)
                .help("it was written by another version of millstream; start with a fresh checkpoint and output")
        })
    }

    /// The descriptor as a checkpoint keeps it, and its fingerprint.
    pub(crate) fn to_json(&self) -> (Value, String) {
        let value = serde_json::to_value(self).unwrap_or_default();
        let fingerprint = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(value.to_string().as_bytes()));
        (value, fingerprint)
    }
}

fn windowed(keyed: &KeyedPlan) -> bool {
    keyed.spec.window.is_windowed()
}

/// The expressions of each keyed stage, by the names of its columns, as they stand in the words of its stages: a `group_by`,
/// which may be missing, and an `agg`.
fn expressions(stages: &[String]) -> Vec<Vec<(String, String)>> {
    let (mut all, mut own) = (Vec::new(), Vec::new());
    for stage in stages {
        match word_of(stage) {
            "group_by" => own = columns_in(stage),
            "agg" => {
                own.extend(columns_in(stage));
                all.push(std::mem::take(&mut own));
            }
            _ => {}
        }
    }
    all
}

/// The columns `a, b = EXPR` in the first pair of braces; the expression of `a` is its name.
fn columns_in(stage: &str) -> Vec<(String, String)> {
    let (mut depth, mut columns, mut item) = (0_u32, Vec::new(), String::new());
    for letter in stage.chars().skip_while(|letter| *letter != '{') {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 || (depth == 1 && letter == ',') {
            columns.push(std::mem::take(&mut item));
            if depth == 0 {
                break;
            }
        } else if !(depth == 1 && letter == '{' && item.is_empty()) {
            item.push(letter);
        }
    }
    let columns = columns.iter().map(|item| item.split_once('=').unwrap_or((item, item)));
    let named = columns.map(|(name, expression)| (name.trim().to_owned(), expression.trim().to_owned()));
    named.filter(|(name, _)| !name.is_empty()).collect()
}

/// The word that a stage begins with.
pub(super) fn word_of(stage: &str) -> &str {
    stage.split(|letter: char| letter != '_' && !letter.is_alphanumeric()).next().unwrap_or_default()
}

/// The keys of a stage with their types.
fn keys(KeyedPlan { spec, keys, nullable, .. }: &KeyedPlan) -> Vec<(String, String)> {
    let described = spec.keys.iter().zip(keys).zip(nullable);
    described.map(|((name, of), nullable)| ((*name).to_owned(), words_of(of, *nullable))).collect()
}

/// The aggregates of a stage with the types of their accumulators, and the functions that made them if they have names.
fn values(KeyedPlan { spec, values, functions, .. }: &KeyedPlan) -> Vec<(String, String)> {
    let functions = functions.iter().copied().chain(std::iter::repeat(""));
    let described = spec.values.iter().zip(values).zip(functions);
    described
        .map(|((name, of), function)| {
            let of = words_of(of, false);
            ((*name).to_owned(), if function.is_empty() { of } else { format!("{function}{IN}{of}") })
        })
        .collect()
}

/// What stands between the name of an aggregate and the type of its accumulator.
pub(super) const IN: &str = " in ";

/// The name of a column's type.
pub(super) fn words_of(of: &DataType, nullable: bool) -> String {
    let name = match of {
        DataType::Timestamp(..) => "Timestamp".to_owned(),
        DataType::Utf8 => "String".to_owned(),
        other => other.to_string(),
    };
    if nullable { format!("Option<{name}>") } else { name }
}
