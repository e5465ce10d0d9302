//! What a checkpoint remembers of the pipeline that wrote it, and whether another may go on from there.
//!
//! Old and new are compared part by part, never by a hash alone: a hash could only say that something has changed. Stages
//! without state may change freely; what is in state, in positions, or in the columns of files must fit.

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
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// Options that decide where rows go, such as `partition_by`.
    pub options: Vec<(String, String)>,
}

/// The mode in which groups do not end.
const COMPLETE: &str = "complete";

impl Descriptor {
    /// Describes a pipeline.
    pub(crate) fn of(plan: &Plan) -> Self {
        let source = plan.source.describe();
        let sink = |role: &str, sink: &dyn crate::sink::Sink, schema: &arrow::datatypes::Schema| {
            let description = sink.describe();
            SinkDescriptor {
                role: role.to_owned(),
                kind: description.kind.to_owned(),
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
        Self {
            source: source.kind.to_owned(),
            target: source.target,
            keyed: plan
                .keyed
                .iter()
                .map(|keyed| KeyedDescriptor {
                    name: keyed.spec.name.clone(),
                    window: if windowed(keyed) { keyed.spec.window.to_string() } else { String::new() },
                    ttl: (!windowed(keyed)).then(|| keyed.spec.window.to_string()),
                    keys: named(keyed.spec.keys, &keyed.keys, &[]),
                    values: named(keyed.spec.values, &keyed.values, &keyed.functions),
                })
                .collect(),
            watermark: plan.watermark.map(crate::time::micros),
            mode: plan.mode.to_string(),
            sinks,
            stages: plan.stages.clone(),
        }
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

/// Whether a pipeline may go on from the checkpoint of another. Changes that fit and mean something else from now on are
/// logged.
///
/// # Errors
/// All that does not fit, with what it was, what it is, and the way out.
pub(crate) fn compare(old: &Value, new: &Value) -> Result<()> {
    let read = |value: &Value, whose: &str| {
        serde_json::from_value::<Descriptor>(value.clone()).map_err(|error| {
            Error::new(
                Kind::Config,
                format!("the description of the {whose} pipeline in the checkpoint cannot be read"),
            )
            .caused_by(error)
            .help("it was written by another version of millstream; start with a fresh checkpoint and output")
        })
    };
    let (old, new) = (read(old, "old")?, read(new, "new")?);
    let mut changes = Vec::new();
    changed(
        &mut changes,
        "the source",
        &format!("{} `{}`", old.source, old.target),
        &format!("{} `{}`", new.source, new.target),
    );
    for before in &old.keyed {
        let Some(after) = new.keyed.iter().find(|after| after.name == before.name) else {
            changes.push(format!("the keyed stage `{}` is gone, and its state with it", before.name));
            continue;
        };
        let stage = format!("in the keyed stage `{}` ", before.name);
        let window = |of: &KeyedDescriptor| if of.window.is_empty() { "none".to_owned() } else { of.window.clone() };
        changed(&mut changes, &format!("{stage}the window"), &window(before), &window(after));
        // What has ended is left out of the state by the ttl it had: with another one it would come back.
        if let (Some(before), Some(after)) = (&before.ttl, &after.ttl) {
            changed(&mut changes, &format!("{stage}the ttl"), before, after);
        }
        columns(&mut changes, &format!("{stage}the key"), &before.keys, &after.keys);
        columns(&mut changes, &format!("{stage}the aggregate"), &before.values, &after.values);
    }
    for after in &new.keyed {
        if !old.keyed.iter().any(|before| before.name == after.name) {
            changes.push(format!("the keyed stage `{}` is new and would miss the rows read so far", after.name));
        }
    }
    // In mode complete no group ends, in the others some have that are still in the state's files.
    if !old.keyed.is_empty() && (old.mode == COMPLETE) != (new.mode == COMPLETE) {
        changed(&mut changes, "the mode of the sink", &old.mode, &new.mode);
    }
    for before in &old.sinks {
        let Some(after) = new.sinks.iter().find(|after| after.role == before.role) else { continue };
        let place = |sink: &SinkDescriptor| format!("{} `{}`", sink.kind, sink.target);
        changed(&mut changes, "the sink", &place(before), &place(after));
        if before.target == after.target {
            columns(
                &mut changes,
                &format!("in the sink `{}` the column", before.target),
                &before.columns,
                &after.columns,
            );
            changed(
                &mut changes,
                "the layout of the sink",
                &format!("{:?}", before.options),
                &format!("{:?}", after.options),
            );
        }
    }
    if changes.is_empty() {
        for change in new_meanings(&old, &new) {
            tracing::warn!(target: "millstream", "from the next epoch on: {change}");
        }
        return Ok(());
    }
    Err(Error::new(
        Kind::Config,
        format!("the pipeline was changed since this checkpoint was written: {}", changes.join("; ")),
    )
    .help("undo the change, or start with a fresh checkpoint and a fresh output folder"))
}

/// Changes after which a pipeline goes on with its state, but does something else with it.
fn new_meanings(old: &Descriptor, new: &Descriptor) -> Vec<String> {
    let mut changes = Vec::new();
    changed(&mut changes, "the mode of the sink", &old.mode, &new.mode);
    changes
}

fn changed(changes: &mut Vec<String>, what: &str, before: &str, after: &str) {
    if before != after {
        changes.push(format!("{what} was {before}, is {after}"));
    }
}

fn columns(changes: &mut Vec<String>, what: &str, before: &[(String, String)], after: &[(String, String)]) {
    for (name, of) in before {
        match after.iter().find(|(other, _)| other == name) {
            None => changes.push(format!("{what} `{name}` is gone")),
            Some((_, is)) if is != of => changes.push(format!("{what} `{name}` was {of}, is {is}")),
            Some(_) => {}
        }
    }
    for (name, _) in after.iter().filter(|(name, _)| !before.iter().any(|(other, _)| other == name)) {
        changes.push(format!("{what} `{name}` is new"));
    }
}

/// Names with their types, and the functions that made them if they have names.
fn named(names: &[&str], types: &[DataType], functions: &[&str]) -> Vec<(String, String)> {
    let functions = functions.iter().copied().chain(std::iter::repeat(""));
    let described = names.iter().zip(types).zip(functions);
    described
        .map(|((name, of), function)| {
            let of = words_of(of, false);
            ((*name).to_owned(), if function.is_empty() { of } else { format!("{function} in {of}") })
        })
        .collect()
}

/// The name of a column's type.
fn words_of(of: &DataType, nullable: bool) -> String {
    let name = match of {
        DataType::Timestamp(..) => "Timestamp".to_owned(),
        DataType::Utf8 => "String".to_owned(),
        other => other.to_string(),
    };
    if nullable { format!("Option<{name}>") } else { name }
}
