//! The command line of a binary that is one pipeline.
//!
//! ```no_run
//! # use millstream::prelude::*;
//! # fn pipeline() -> Pipeline { pipeline! { from rate(10) | sink console() } }
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::process::ExitCode {
//!     millstream::cli(pipeline()).await
//! }
//! ```
//!
//! | command | does |
//! |---|---|
//! | `run` (the default) | runs the pipeline; options override what the program says |
//! | `explain` | shows stages, columns, state, policies and guarantee; `--json`, `--mermaid` |
//! | `preview` | reads the first records and prints the rows they make; writes nothing |
//! | `check` | says whether the sink can store the rows, and how the pipeline differs from the one of the checkpoint; `--json` |
//! | `state show`, `state dump` | shows the state of keyed stages in the checkpoint, or gives its groups as rows; the pipeline may run |
//! | `history` | shows the changes of state that the checkpoint's log has; `--json` |
//! | `savepoint` | copies the last commit to a place of its own, for `run --from-savepoint` |
//! | `reset` | drops the state of a keyed stage |
//!
//! It ends with one of the exit codes that stand in [`operations`](crate::guide::operations#exit-codes).

mod check;
mod savepoint;
#[cfg(feature = "parquet")]
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::engine::{Checkpoint, Trigger};
use crate::error::{Error, Kind};
use crate::observe::printer::Printer;
use crate::sink;
use crate::store::Place;
use crate::{Pipeline, Result};

#[derive(Parser)]
#[command(about = "A millstream pipeline", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the pipeline (the default)
    Run {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        #[command(flatten)]
        accepted: Accepted,
        /// `fast`, `available-now`, `once`, or an interval such as `10s`
        #[arg(long, value_parser = trigger_of)]
        trigger: Option<Trigger>,
        /// Threads that compute
        #[arg(long)]
        workers: Option<usize>,
        /// The memory that state may take, such as `512mib` or `8gib`
        #[arg(long, value_parser = size_of_word)]
        state_budget: Option<u64>,
        /// The folder for state that memory has no room for
        #[cfg(feature = "spill")]
        #[arg(long, value_name = "DIR")]
        spill: Option<std::path::PathBuf>,
        /// Starts even if the last starts ended without a commit
        #[arg(long)]
        ignore_crash_loop: bool,
        /// Prints a JSON document for each epoch on standard error
        #[arg(long)]
        json: bool,
        /// Shows figures for Prometheus, and health, on a port of this machine
        #[cfg(feature = "metrics")]
        #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "9464")]
        metrics: Option<String>,
        /// Sends figures to a collector of OpenTelemetry
        #[cfg(feature = "otlp")]
        #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://localhost:4318")]
        otlp: Option<String>,
    },
    /// Shows what the pipeline will do
    Explain {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// As a Mermaid flowchart
        #[arg(long)]
        mermaid: bool,
        /// The folder in which progress will be kept: the guarantee depends on it
        #[arg(long)]
        checkpoint: Option<String>,
    },
    /// Prints the rows that the first records make, and writes nothing
    Preview {
        /// Records to read
        #[arg(long, default_value_t = 1_000)]
        records: u64,
        /// Rows to print
        #[arg(long, default_value_t = 20)]
        rows: usize,
    },
    /// Says whether the sink and the checkpoint fit the pipeline, and writes nothing
    Check {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        #[command(flatten)]
        accepted: Accepted,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Looks at the state of keyed stages in a checkpoint, and writes nothing there
    #[cfg(feature = "parquet")]
    #[command(subcommand)]
    State(state::Look),
    /// Shows the changes of state that the checkpoint's log has
    History {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Copies the last commit to a place of its own; the pipeline may run meanwhile
    Savepoint {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        /// The folder or URL to copy to
        #[arg(long)]
        to: String,
    },
    /// Drops the state of a keyed stage: it begins anew with the next epoch
    Reset {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        /// The keyed stage; may be repeated
        #[arg(long, required = true)]
        operator: Vec<String>,
    },
}

/// What is accepted of changes since the checkpoint was written.
#[derive(clap::Args, Default)]
struct Accepted {
    /// Begins from this savepoint, with a fresh checkpoint
    #[arg(long)]
    from_savepoint: Option<String>,
    /// Lets the state of a keyed stage go if it does not fit any more; may be repeated
    #[arg(long)]
    drop_state: Vec<String>,
    /// Lets a new keyed stage start without the rows read so far; may be repeated
    #[arg(long)]
    start_empty: Vec<String>,
    /// Says that the expressions of a keyed stage mean what they meant; may be repeated
    #[arg(long)]
    same_expressions: Vec<String>,
}

impl Accepted {
    fn tell(self, mut pipeline: Pipeline) -> Pipeline {
        if let Some(savepoint) = self.from_savepoint {
            pipeline = pipeline.from_savepoint(savepoint);
        }
        pipeline = self.drop_state.into_iter().fold(pipeline, Pipeline::drop_state);
        pipeline = self.start_empty.into_iter().fold(pipeline, Pipeline::start_empty);
        self.same_expressions.into_iter().fold(pipeline, Pipeline::same_expressions)
    }
}

/// Does what the command line says; see the [module](self) for the commands, and [`operations`](crate::guide::operations#exit-codes) for the exit codes.
pub async fn cli(pipeline: Pipeline) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let teller = Arc::new(Teller::start());
    match obey(pipeline, arguments, &teller).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Who pipes into `head` has seen enough, and wants no complaint.
            if error.kind() != Kind::NoReader {
                teller.tell(format!("error: {}", error.message()));
                if let Some(advice) = error.advice() {
                    teller.tell(format!("help: {advice}"));
                }
            }
            ExitCode::from(error.kind().exit_code())
        }
    }
}

async fn obey(mut pipeline: Pipeline, arguments: Arguments, teller: &Arc<Teller>) -> Result<()> {
    let command = arguments.command.unwrap_or(Command::Run {
        checkpoint: None,
        accepted: Accepted::default(),
        trigger: None,
        workers: None,
        state_budget: None,
        #[cfg(feature = "spill")]
        spill: None,
        ignore_crash_loop: false,
        json: false,
        #[cfg(feature = "metrics")]
        metrics: None,
        #[cfg(feature = "otlp")]
        otlp: None,
    });
    match command {
        Command::Run {
            checkpoint,
            accepted,
            trigger,
            workers,
            state_budget,
            #[cfg(feature = "spill")]
            spill,
            ignore_crash_loop,
            json,
            #[cfg(feature = "metrics")]
            metrics,
            #[cfg(feature = "otlp")]
            otlp,
        } => {
            pipeline = accepted.tell(pipeline);
            if ignore_crash_loop {
                pipeline = pipeline.ignore_crash_loop();
            }
            if let Some(checkpoint) = checkpoint {
                pipeline = pipeline.checkpoint(checkpoint);
            }
            if let Some(trigger) = trigger {
                pipeline = pipeline.trigger(trigger);
            }
            if let Some(workers) = workers {
                pipeline = pipeline.workers(workers);
            }
            #[cfg(feature = "metrics")]
            if let Some(address) = metrics {
                pipeline = pipeline.metrics(address);
            }
            #[cfg(feature = "otlp")]
            if let Some(url) = otlp {
                pipeline = pipeline.otlp(url);
            }
            if let Some(bytes) = state_budget {
                pipeline = pipeline.state_budget(bytes);
            }
            #[cfg(feature = "spill")]
            if let Some(folder) = spill {
                pipeline = pipeline.spill(folder);
            }
            if json {
                let documents = Arc::clone(teller);
                pipeline = pipeline.progress_line(false).on_progress(move |progress| {
                    if let Ok(document) = serde_json::to_string(progress) {
                        documents.tell(document);
                    }
                });
            }
            teller.tell(pipeline.run().await?.to_string());
            Ok(())
        }
        Command::Explain { json, mermaid, checkpoint } => {
            if let Some(checkpoint) = checkpoint {
                pipeline = pipeline.checkpoint(checkpoint);
            }
            let explained = pipeline.explain();
            match (json, mermaid) {
                (true, _) => say(format_args!("{:#}", explained.to_json())),
                (_, true) => say(format_args!("{}", explained.to_mermaid().trim_end())),
                _ => say(format_args!("{explained}")),
            }
        }
        Command::Preview { records, rows } => {
            pipeline.plan.sink = std::sync::Arc::new(sink::console().limit(rows));
            for letters in [&mut pipeline.plan.dead_letters, &mut pipeline.plan.late_letters].into_iter().flatten() {
                *letters = std::sync::Arc::new(sink::collect());
            }
            let preview = pipeline.checkpoint(Checkpoint::none()).trigger(Trigger::Once).max_rows_per_epoch(records);
            teller.tell(preview.progress_line(false).run().await?.to_string());
            Ok(())
        }
        #[cfg(feature = "parquet")]
        Command::State(look) => state::look(pipeline, look).await,
        Command::Check { checkpoint, accepted, json } => check::check(accepted.tell(pipeline), checkpoint, json).await,
        Command::History { checkpoint, json } => check::history(pipeline, checkpoint, json).await,
        Command::Savepoint { checkpoint, to } => savepoint::write(pipeline, checkpoint, to).await,
        Command::Reset { checkpoint, operator } => savepoint::reset(pipeline, checkpoint, operator).await,
    }
}

/// The place of a checkpoint: the one given, or the program's.
fn place(pipeline: &mut Pipeline, given: Option<String>) -> Result<Place> {
    let checkpoint = given.map(Checkpoint::from).or(pipeline.options.checkpoint.clone());
    checkpoint
        .and_then(|checkpoint| checkpoint.place())
        .ok_or_else(|| Error::new(Kind::Config, "no checkpoint is given").help("add `--checkpoint DIR`, as for `run`"))
}

/// A line on standard output. Unlike `println!` it does not panic when nobody reads it.
fn say(line: fmt::Arguments<'_>) -> Result<()> {
    writeln!(io::stdout(), "{line}").map_err(|error| Error::printing("printing to standard output", error))
}

/// Lines on standard error. When nobody reads them there is nobody to tell, and nobody to wait for.
struct Teller {
    printer: Option<Printer>,
    lost: AtomicU64,
}

impl Teller {
    fn start() -> Self {
        let print = |line: &str| drop(writeln!(io::stderr(), "{line}"));
        Self { printer: Printer::start(print).ok(), lost: AtomicU64::new(0) }
    }

    fn tell(&self, line: String) {
        let Some(printer) = &self.printer else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let line = if lost > 0 { format!("{lost} lines were left out, as nobody read them\n{line}") } else { line };
        if !printer.print(line) {
            self.lost.store(lost + 1, Ordering::Relaxed);
        }
    }
}

/// A trigger from its word.
fn trigger_of(word: &str) -> std::result::Result<Trigger, String> {
    let interval = || -> Option<Duration> {
        let digits = word.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = word.split_at(digits);
        let count: u64 = count.parse().ok()?;
        Some(match unit {
            "ms" => Duration::from_millis(count),
            "s" => Duration::from_secs(count),
            "m" | "min" => Duration::from_secs(count.checked_mul(60)?),
            "h" => Duration::from_secs(count.checked_mul(3_600)?),
            _ => return None,
        })
    };
    match word {
        "fast" => Ok(Trigger::AsFastAsPossible),
        "available-now" => Ok(Trigger::AvailableNow),
        "once" => Ok(Trigger::Once),
        _ => interval().map(Trigger::Every).ok_or_else(|| {
            "write `fast`, `available-now`, `once`, or an interval such as `500ms`, `10s` or `5min`".to_owned()
        }),
    }
}

/// Bytes from a number and its unit, as in `pipeline!`.
fn size_of_word(word: &str) -> std::result::Result<u64, String> {
    let units = [("kib", 10), ("mib", 20), ("gib", 30)];
    let size = units.iter().find_map(|(unit, shift)| {
        let count: u64 = word.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(1 << shift)
    });
    size.ok_or_else(|| "write a number of `kib`, `mib` or `gib`, such as `512mib`".to_owned())
}
