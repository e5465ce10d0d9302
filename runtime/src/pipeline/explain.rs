//! `explain()`: what a pipeline will do, before it does it.

use std::fmt;

use serde_json::{Value, json};

use super::descriptor::{Descriptor, KeyedDescriptor};
use super::options::{Checkpoint, Options};
use super::{Pipeline, Plan};
use crate::operator::input::Policy;
use crate::sink::{Mode, Sink};

/// What a pipeline will do. Display shows it to a person; [`Self::to_json`] and [`Self::to_mermaid`] to programs.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    source: String,
    decode: String,
    used: String,
    faults: Fate,
    stages: Vec<String>,
    watermark: Option<Watermark>,
    /// `None` when no row can come too late.
    late: Option<Fate>,
    state: Vec<String>,
    sink: String,
    mode: Mode,
    columns: Vec<String>,
    /// The folder for state that memory has no room for.
    spill: Option<String>,
    guarantee: String,
}

/// What the watermark goes by and how far behind it stays.
#[derive(Debug, Clone, PartialEq)]
struct Watermark {
    column: Option<String>,
    delay: String,
}

/// What becomes of rows that are not used.
#[derive(Debug, Clone, PartialEq)]
struct Fate {
    policy: &'static str,
    /// The sink of the dead letters.
    target: Option<String>,
}

impl Fate {
    fn of(policy: Policy, letters: Option<&dyn Sink>) -> Self {
        let policy = match policy {
            Policy::Fail => "fail",
            Policy::Skip => "skip",
            Policy::DeadLetter => "dead_letter",
        };
        Self { policy, target: letters.map(called) }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{}({target})", self.policy),
            None => f.write_str(self.policy),
        }
    }
}

/// A connector as it is written in a pipeline.
fn call(kind: &str, target: &str, options: &[(&'static str, String)]) -> String {
    let options: String = options.iter().map(|(name, value)| format!(", {name} = {value}")).collect();
    format!("{kind}({target:?}{options})")
}

fn called(sink: &dyn Sink) -> String {
    let sink = sink.describe();
    call(sink.kind, &sink.target, &sink.options)
}

/// `name: type` of each column.
fn list(columns: &[(String, String)]) -> Vec<String> {
    columns.iter().map(|(name, of)| format!("{name}: {of}")).collect()
}

fn state(keyed: &KeyedDescriptor) -> String {
    // What an aggregate with a name keeps is nobody's business but the checkpoint's.
    let named = |(name, of): &(String, String)| {
        (name.clone(), of.split_once(" in ").map_or(of.as_str(), |(function, _)| function).to_owned())
    };
    let values: Vec<_> = keyed.values.iter().map(named).collect();
    let (keys, values) = (list(&keyed.keys).join(", "), list(&values).join(", "));
    format!("`{}`: {} of ({keys}) -> ({values})", keyed.name, keyed.ttl.as_ref().unwrap_or(&keyed.window))
}

/// What a restart does to rows: what the source and the sink allow, if there is a checkpoint to go by.
fn guarantee(plan: &Plan, options: &Options) -> String {
    let (source, sink, checkpoint) = (plan.source.describe(), plan.sink.describe(), options.checkpoint.as_ref());
    if !source.replayable {
        let why = format!("{} cannot be read again", source.kind);
        return match checkpoint {
            Some(Checkpoint::None) => format!("none after a restart: {why}"),
            None if !sink.exactly_once => format!("none after a restart: {why}"),
            _ if !options.allow_loss_on_restart => {
                format!("does not start: {why}, and `.allow_loss_on_restart()` is not said")
            }
            None => "at most once with a checkpoint; none is given, and without it does not start".into(),
            Some(_) if sink.exactly_once => format!("at most once: {why}, so a restart loses what is not committed"),
            Some(_) => {
                format!("none after a restart: {why}, and {} may be handed twice what is committed", sink.kind)
            }
        };
    }
    let once = if sink.exactly_once { "exactly once" } else { "at least once" };
    match checkpoint {
        Some(Checkpoint::None) => {
            "none after a restart: without a checkpoint it begins anew, so rows may be doubled".into()
        }
        None if sink.exactly_once => format!("{once} with a checkpoint; none is given, and without it does not start"),
        None => format!("none after a restart: without a checkpoint it begins anew; with one, {once}"),
        Some(_) if sink.exactly_once => format!("{once}: rows become visible by the commit of their epoch"),
        Some(_) => format!("{once}: {} is handed rows after their commit, with a token that repeats", sink.kind),
    }
}

impl Pipeline {
    /// What the pipeline will do: its stages, the columns it uses, its state, its guarantee.
    #[must_use]
    pub fn explain(&self) -> Explained {
        let plan = &self.plan;
        let (descriptor, source) = (Descriptor::of(plan), plan.source.describe());
        let ends = plan.keyed.first().filter(|keyed| plan.mode != Mode::Complete && !keyed.spec.window.is_endless());
        Explained {
            source: call(source.kind, &source.target, &source.options),
            decode: plan.decode.clone(),
            used: plan.used.join(", "),
            faults: Fate::of(plan.policy, plan.dead_letters.as_deref()),
            stages: plan.stages.clone(),
            watermark: plan
                .watermark
                .map(|delay| Watermark { column: plan.event_time.clone(), delay: format!("{delay:?}") }),
            late: ends.map(|_| Fate::of(plan.late, plan.late_letters.as_deref())),
            state: descriptor.keyed.iter().map(state).collect(),
            sink: called(plan.sink.as_ref()),
            mode: plan.mode,
            columns: descriptor.sinks.first().map(|sink| list(&sink.columns)).unwrap_or_default(),
            guarantee: guarantee(plan, &self.options),
            #[cfg(feature = "spill")]
            spill: self.options.spill.as_ref().map(|folder| folder.display().to_string()),
            #[cfg(not(feature = "spill"))]
            spill: None,
        }
    }
}

impl Explained {
    /// As JSON. `else` and `late` are the policies for rows that cannot be decoded or computed and for those that come too
    /// late, each with the sink of its dead letters.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let watermark = self.watermark.as_ref().map(|of| json!({ "column": of.column, "delay": of.delay }));
        let mut all = json!({
            "source": self.source, "decode": self.decode, "used_columns": self.used,
            "else": self.faults.policy, "dead_letters": self.faults.target,
            "stages": self.stages, "watermark": watermark,
            "late": self.late.as_ref().map(|late| late.policy),
            "late_dead_letters": self.late.as_ref().and_then(|late| late.target.as_ref()),
            "state": self.state, "sink": self.sink, "mode": self.mode.to_string(), "columns": self.columns,
            "guarantee": self.guarantee,
        });
        if let Some(folder) = &self.spill {
            all["spill"] = json!(folder);
        }
        all
    }

    /// As a Mermaid flowchart. Dotted lines lead to dead letters.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let quoted = |text: &str| text.replace('"', "'");
        let mut stages = self.stages.clone();
        if !self.decode.is_empty() {
            stages.insert(0, format!("decode {}", self.decode));
        }
        let mut lines = vec!["flowchart LR".to_owned(), format!("    s0[(\"{}\")]", quoted(&self.source))];
        for (at, stage) in stages.iter().enumerate() {
            lines.push(format!("    s{at} --> s{}[\"{}\"]", at + 1, quoted(stage)));
        }
        lines.push(format!("    s{} --> s{}[(\"{}\")]", stages.len(), stages.len() + 1, quoted(&self.sink)));
        let mut letters = |from: usize, to: &str, why: &str, fate: &Fate| {
            if let Some(target) = &fate.target {
                lines.push(format!("    s{from} -. {why} .-> {to}[(\"{}\")]", quoted(target)));
            }
        };
        letters(stages.len().min(1), "bad", "dead letters", &self.faults);
        if let Some(late) = &self.late {
            // A pipeline that was written by hand has no stages in words.
            let grouped = stages.iter().position(|stage| stage.starts_with("group_by")).map_or(0, |at| at + 1);
            letters(grouped, "late", "late rows", late);
        }
        lines.join("\n") + "\n"
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from       {}", self.source)?;
        if !self.decode.is_empty() {
            writeln!(f, "decode     {} else {}", self.decode, self.faults)?;
            if !self.used.is_empty() {
                writeln!(f, "           checks {}", self.used)?;
            }
        }
        for stage in &self.stages {
            writeln!(f, "|          {stage}")?;
        }
        if let Some(Watermark { column, delay }) = &self.watermark {
            let column = column.as_deref().unwrap_or("the event time");
            writeln!(f, "watermark  {column} of the slowest partition, less {delay}")?;
        }
        for state in &self.state {
            writeln!(f, "state      {state}")?;
        }
        if let Some(folder) = &self.spill {
            writeln!(f, "           what half of its budget has no room for is in `{folder}`")?;
        }
        if let Some(late) = &self.late {
            writeln!(f, "late rows  {late}")?;
        }
        writeln!(f, "sink       {}", self.sink)?;
        if self.mode != Mode::Append {
            writeln!(f, "mode       {}", self.mode)?;
        }
        writeln!(f, "columns    {}", self.columns.join(", "))?;
        write!(f, "guarantee  {}", self.guarantee)
    }
}
