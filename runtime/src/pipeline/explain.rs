//! `explain()`: what a pipeline will do, before it does it.

use std::fmt;

use serde_json::{Value, json};

use super::Pipeline;
use super::descriptor::Descriptor;
use crate::operator::input::Policy;
use crate::sink::Mode;

/// What a pipeline will do. Display shows it to a person; [`Self::to_json`] and [`Self::to_mermaid`] to programs.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    source: String,
    decode: String,
    used: String,
    policy: &'static str,
    stages: Vec<String>,
    state: Vec<String>,
    sink: String,
    mode: Mode,
    columns: Vec<String>,
    guarantee: String,
}

impl Pipeline {
    /// What the pipeline will do: its stages, the columns it uses, its state, its guarantee.
    #[must_use]
    pub fn explain(&self) -> Explained {
        let plan = &self.plan;
        let descriptor = Descriptor::of(plan);
        let (source, sink) = (plan.source.describe(), plan.sink.describe());
        let options = |options: &[(&'static str, String)]| {
            options.iter().map(|(name, value)| format!(", {name} = {value}")).collect::<String>()
        };
        let guarantee = match (source.replayable, sink.exactly_once) {
            (true, true) => "exactly once: rows become visible by the commit of their epoch".to_owned(),
            (true, false) => {
                format!("at least once: {} is handed rows after their commit, with a token that repeats", sink.kind)
            }
            (false, _) => format!("none after a restart: {} cannot be read again", source.kind),
        };
        Explained {
            source: format!("{}({:?}{})", source.kind, source.target, options(&source.options)),
            decode: plan.decode.clone(),
            used: plan.used.join(", "),
            policy: match plan.policy {
                Policy::Fail => "fail",
                Policy::Skip => "skip",
                Policy::DeadLetter => "dead_letter",
            },
            stages: plan.stages.clone(),
            state: descriptor
                .keyed
                .iter()
                .map(|keyed| {
                    let list = |columns: &[(String, String)]| {
                        columns.iter().map(|(name, of)| format!("{name}: {of}")).collect::<Vec<_>>().join(", ")
                    };
                    format!(
                        "`{}`: {} of ({}) -> ({})",
                        keyed.name,
                        keyed.ttl.as_ref().unwrap_or(&keyed.window),
                        list(&keyed.keys),
                        list(&keyed.values)
                    )
                })
                .collect(),
            sink: format!("{}({:?}{})", sink.kind, sink.target, options(&sink.options)),
            mode: plan.mode,
            columns: descriptor
                .sinks
                .first()
                .map(|sink| sink.columns.iter().map(|(name, of)| format!("{name}: {of}")).collect())
                .unwrap_or_default(),
            guarantee,
        }
    }
}

impl Explained {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "source": self.source, "decode": self.decode, "used_columns": self.used, "else": self.policy,
            "stages": self.stages, "state": self.state, "sink": self.sink,
            "mode": self.mode.to_string(), "columns": self.columns,
            "guarantee": self.guarantee,
        })
    }

    /// As a Mermaid flowchart.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let quoted = |text: &str| text.replace('"', "'");
        let mut lines = vec!["flowchart LR".to_owned(), format!("    s0[(\"{}\")]", quoted(&self.source))];
        let mut last = 0;
        let mut stages = self.stages.clone();
        if !self.decode.is_empty() {
            stages.insert(0, format!("decode {}", self.decode));
        }
        for stage in stages {
            lines.push(format!("    s{last} --> s{}[\"{}\"]", last + 1, quoted(&stage)));
            last += 1;
        }
        lines.push(format!("    s{last} --> s{}[(\"{}\")]", last + 1, quoted(&self.sink)));
        lines.join("\n") + "\n"
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from       {}", self.source)?;
        if !self.decode.is_empty() {
            writeln!(f, "decode     {} else {}", self.decode, self.policy)?;
            if !self.used.is_empty() {
                writeln!(f, "           checks {}", self.used)?;
            }
        }
        for stage in &self.stages {
            writeln!(f, "|          {stage}")?;
        }
        for state in &self.state {
            writeln!(f, "state      {state}")?;
        }
        writeln!(f, "sink       {}", self.sink)?;
        if self.mode != Mode::Append {
            writeln!(f, "mode       {}", self.mode)?;
        }
        writeln!(f, "columns    {}", self.columns.join(", "))?;
        write!(f, "guarantee  {}", self.guarantee)
    }
}
