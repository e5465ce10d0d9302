//! Whether a pipeline may go on from the checkpoint of another, part by part.
//!
//! Every difference has a stable code, what was, what is, and the way out; they are listed in the guide's `operations`. Stages
//! without state may change freely; what is in state, in positions, or in the columns of files must fit, or be made to.

mod keyed;
mod plain;

use std::fmt;

use serde::Serialize;

use super::changes::Changes;
use super::descriptor::Descriptor;
use crate::Result;
use crate::checkpoint::Previous;
use crate::error::{Error, Kind};
use crate::observe::RUN;

pub(crate) use keyed::{Carry, How, described};

/// What a difference comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// There is none.
    Same,
    /// The pipeline goes on as if it had always been so.
    Compatible,
    /// It goes on, and what it writes means something else from the next epoch on.
    Meaning,
    /// It does not go on.
    Incompatible,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "same",
            Self::Compatible => "compatible",
            Self::Meaning => "changed meaning",
            Self::Incompatible => "incompatible",
        })
    }
}

/// One line of a comparison.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// Stable over versions; empty where nothing has changed.
    pub code: &'static str,
    pub class: Class,
    /// The part of the pipeline.
    pub what: String,
    pub was: String,
    pub is: String,
    /// What it comes to, or the way out.
    pub then: String,
}

impl Line {
    fn new(code: &'static str, class: Class, what: impl Into<String>, was: &str, is: &str, then: &str) -> Self {
        Self { code, class, what: what.into(), was: was.to_owned(), is: is.to_owned(), then: then.to_owned() }
    }

    fn same(what: impl Into<String>) -> Self {
        Self::new("", Class::Same, what, "", "", "")
    }
}

/// `C13 the window of ``per device`` was tumbling(60s), is tumbling(120s)`.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, what, was, is, .. } = self;
        write!(f, "{code} {what}")?;
        match (was.as_str(), is.as_str()) {
            ("", "") => Ok(()),
            ("", is) => write!(f, " is new: {is}"),
            (was, "") => write!(f, " is gone: {was}"),
            (was, is) => write!(f, " was {was}, is {is}"),
        }
    }
}

/// Old and new side by side.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    pub lines: Vec<Line>,
    /// Where each keyed stage of the new pipeline has its state from.
    pub carried: Vec<Carry>,
    /// Sinks, by their numbers, that take other rows or take them elsewhere.
    pub moved: Vec<usize>,
    /// Whether state is dropped, or begins, of which no pipeline says so by itself.
    pub dropped: bool,
}

impl Comparison {
    /// Compares the pipelines before with one that is to go on from them.
    ///
    /// # Errors
    /// What the checkpoint says of the pipelines before cannot be read.
    pub(crate) fn against(previous: &Previous, new: &Descriptor, changes: &Changes) -> Result<Self> {
        let mut old = Descriptor::read(&previous.plan)?;
        if let Some(state) = &previous.state {
            // State was changed since the last commit, by a pipeline that has committed nothing else.
            old.keyed = Descriptor::read(state)?.keyed;
        }
        Ok(Self::of(&old, new, changes))
    }

    /// Compares the pipeline of a checkpoint with one that is to go on from it.
    pub(crate) fn of(old: &Descriptor, new: &Descriptor, changes: &Changes) -> Self {
        let mut comparison = Self::default();
        comparison.source(old, new);
        comparison.stages(old, new);
        comparison.keyed(old, new, changes);
        comparison.sinks(old, new);
        comparison
    }

    fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn line(&mut self, code: &'static str, class: Class, what: impl Into<String>, was: &str, is: &str, then: &str) {
        self.push(Line::new(code, class, what, was, is, then));
    }

    /// Differences of this class.
    pub(crate) fn of_class(&self, class: Class) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.class == class)
    }

    /// Whether files of the checkpoint have to be written anew, or named otherwise, before the first epoch.
    pub(crate) fn changes_state(&self) -> bool {
        self.dropped
            || self.carried.iter().any(|carry| carry.how != How::AsItIs || carry.from.as_ref() != Some(&carry.name))
    }

    /// # Errors
    /// All that does not fit, with what it was, what it is, and the ways out.
    pub(crate) fn check(&self) -> Result<()> {
        let lines: Vec<&Line> = self.of_class(Class::Incompatible).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let mut ways: Vec<&str> = Vec::new();
        for line in lines {
            if !ways.contains(&line.then.as_str()) {
                ways.push(&line.then);
            }
        }
        Err(Error::new(
            Kind::Config,
            format!("the pipeline was changed since this checkpoint was written: {}", told.join("; ")),
        )
        .help(format!("undo the change, or: {}", ways.join("; "))))
    }

    /// Logs what has changed, with the epoch from which it holds.
    pub(crate) fn log(&self, epoch: u64) {
        for line in self.lines.iter().filter(|line| line.class > Class::Same) {
            let (code, then) = (line.code, line.then.as_str());
            if line.class == Class::Compatible {
                tracing::info!(target: RUN, epoch, code, "from epoch {epoch} on: {line}; {then}");
            } else {
                tracing::warn!(target: RUN, epoch, code, "from epoch {epoch} on: {line}; {then}");
            }
        }
    }
}

/// As `check` prints it.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            let shown = line.to_string();
            let newline = if at > 0 { "\n" } else { "" };
            write!(
                f,
                "{newline}{:<15}  {:<3}  {}",
                line.class,
                line.code,
                shown.get(line.code.len() + 1..).unwrap_or_default()
            )?;
            if !line.then.is_empty() {
                write!(f, "\n                      -> {}", line.then)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
