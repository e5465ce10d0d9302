//! `state show` and `state dump`: what a checkpoint keeps of keyed stages.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use clap::{Subcommand, ValueEnum};
use indicatif::{BinaryBytes, HumanCount};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::say;
use crate::checkpoint::StateFile;
use crate::encode::{self, Encode, Payloads};
use crate::engine::inspect::{self, Groups, Operator, State};
use crate::engine::{self, Checkpoint};
use crate::error::{Error, Kind};
use crate::store::Place;
use crate::{Pipeline, Result};

/// What there is to see. Neither takes the lock of the checkpoint or writes to it, so the pipeline may run; state is read into
/// memory, as much as the pipeline has.
#[derive(Subcommand)]
pub(super) enum Look {
    /// Shows each keyed stage: groups, memory, files, oldest window
    Show {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        /// Only this keyed stage
        #[arg(long)]
        operator: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives the groups of a keyed stage as rows: keys, window, accumulators
    Dump {
        /// The folder or URL in which progress is kept
        #[arg(long)]
        checkpoint: Option<String>,
        /// The keyed stage
        #[arg(long)]
        operator: String,
        /// Only groups with this key, as in `country=DE`; may be repeated
        #[arg(long, value_name = "COLUMN=VALUE", value_parser = key)]
        key: Vec<(String, String)>,
        /// How rows are written
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// A new file to write to, rather than standard output
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// An object each line
    Json,
    /// A parquet file, which needs `--output`
    Parquet,
}

/// Does it.
pub(super) async fn look(mut pipeline: Pipeline, look: Look) -> Result<()> {
    let (Look::Show { checkpoint, .. } | Look::Dump { checkpoint, .. }) = &look;
    let given = checkpoint.clone().map(Checkpoint::from).or(pipeline.options.checkpoint.take());
    let place = given.as_ref().and_then(Checkpoint::place).ok_or_else(|| {
        Error::new(Kind::Config, "no checkpoint is given").help("add `--checkpoint DIR`, as for `run`")
    })?;
    let looked = engine::aside("looking at the state", move || match look {
        Look::Show { operator, json, .. } => show(&pipeline, &place, operator.as_deref(), json),
        Look::Dump { operator, key, format, output, .. } => {
            dump(&pipeline, &place, &operator, &key, format, output.as_deref())
        }
    });
    looked.await
}

fn show(pipeline: &Pipeline, place: &Place, only: Option<&str>, as_json: bool) -> Result<()> {
    let State { epoch, watermark, operators } = inspect::read(&pipeline.plan, place, only)?;
    if as_json {
        let operators = operators.iter().map(described).collect::<Result<Vec<_>>>()?;
        let watermark = watermark.map(|watermark| watermark.to_string());
        return say(format_args!("{:#}", json!({ "epoch": epoch, "watermark": watermark, "operators": operators })));
    }
    match watermark {
        Some(watermark) => say(format_args!("epoch {epoch}, watermark {watermark}"))?,
        None => say(format_args!("epoch {epoch}, no watermark yet"))?,
    }
    for operator in &operators {
        say(format_args!("\n{}", operator.name))?;
        match &operator.groups {
            Some(groups) => {
                let (keys, bytes) = (HumanCount(groups.keys()), BinaryBytes(groups.bytes()));
                say(format_args!("  groups     {keys}, {bytes} of memory"))?;
                if let Some((word, time)) = groups.oldest()? {
                    say(format_args!("  {word} {time}"))?;
                }
            }
            None => say(format_args!("  the pipeline has no stage of this name"))?,
        }
        let files = &operator.files;
        say(format_args!("  snapshots  {}", sum(&files.snapshots)))?;
        say(format_args!("  changes    {}", sum(&files.changelogs)))?;
        say(format_args!(
            "  kept for repair  {}, {}",
            sum(&files.previous_snapshots),
            sum(&files.previous_changelogs)
        ))?;
    }
    Ok(())
}

fn sum(files: &[StateFile]) -> String {
    let bytes = files.iter().map(|file| file.len).sum();
    let rows = files.iter().map(|file| file.rows).sum();
    let epochs = match (files.iter().map(|file| file.epoch).min(), files.iter().map(|file| file.epoch).max()) {
        (Some(first), Some(last)) if first < last => format!(" of epochs {first} to {last}"),
        (Some(epoch), _) => format!(" of epoch {epoch}"),
        _ => String::new(),
    };
    let word = if files.len() == 1 { "file" } else { "files" };
    format!("{} {word}, {} rows, {}{epochs}", files.len(), HumanCount(rows), BinaryBytes(bytes))
}

fn described(operator: &Operator) -> Result<Value> {
    let files = &operator.files;
    let mut described = json!({
        "name": operator.name, "snapshots": files.snapshots, "changes": files.changelogs,
        "previousSnapshots": files.previous_snapshots, "previousChanges": files.previous_changelogs,
    });
    if let Some(groups) = &operator.groups {
        described["groups"] = json!(groups.keys());
        described["memoryBytes"] = json!(groups.bytes());
        described["oldest"] = json!(groups.oldest()?.map(|(_, time)| time.to_string()));
    }
    Ok(described)
}

fn dump(
    pipeline: &Pipeline,
    place: &Place,
    operator: &str,
    keys: &[(String, String)],
    format: Format,
    output: Option<&Path>,
) -> Result<()> {
    let state = inspect::read(&pipeline.plan, place, Some(operator))?;
    let Some(groups) = state.operators.into_iter().next().and_then(|operator| operator.groups) else {
        return Err(Error::new(Kind::Config, format!("the pipeline has no stage `{operator}`"))
            .help("start the build that wrote this checkpoint"));
    };
    if let Some((unknown, _)) = keys.iter().find(|(column, _)| !groups.key_columns().contains(&column.as_str())) {
        let known = groups.key_columns().join("`, `");
        return Err(Error::new(Kind::Config, format!("`{operator}` has no key `{unknown}`"))
            .help(format!("its keys are `{known}`")));
    }
    match (format, output) {
        (Format::Json, None) => lines(&groups, keys, &mut io::stdout().lock()),
        (Format::Json, Some(path)) => lines(&groups, keys, &mut io::BufWriter::new(new(path)?)),
        (Format::Parquet, Some(path)) => parquet(&groups, keys, path),
        (Format::Parquet, None) => {
            Err(Error::new(Kind::Config, "parquet cannot be printed").help("add `--output FILE.parquet`"))
        }
    }
}

fn new(path: &Path) -> Result<File> {
    File::create_new(path).map_err(|error| Error::io(format!("making `{}`", path.display()), error))
}

fn lines(groups: &Groups, keys: &[(String, String)], out: &mut dyn Write) -> Result<()> {
    let failed = |error| Error::printing("writing groups", error);
    groups.rows(|batch| {
        let mut payloads = Payloads::default();
        encode::json.encode(batch, &mut payloads)?;
        for row in wanted(batch, keys)? {
            out.write_all(payloads.get(row)).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        }
        Ok(())
    })?;
    out.flush().map_err(failed)
}

fn parquet(groups: &Groups, keys: &[(String, String)], path: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Kind::Output, format!("writing `{}`: {error}", path.display())).help("see that there is room for it")
    };
    let mut file = Some(new(path)?);
    let mut writer: Option<ArrowWriter<File>> = None;
    groups.rows(|batch| {
        if let Some(file) = file.take() {
            writer = Some(ArrowWriter::try_new(file, batch.schema(), None).map_err(|error| failed(&error))?);
        }
        let rows = arrow::array::UInt64Array::from_iter_values(wanted(batch, keys)?.into_iter().map(|row| row as u64));
        let taken = arrow::compute::take_record_batch(batch, &rows).map_err(|error| failed(&error))?;
        writer.iter_mut().try_for_each(|writer| writer.write(&taken)).map_err(|error| failed(&error))
    })?;
    writer.map_or(Ok(()), |writer| writer.close().map(drop)).map_err(|error| failed(&error))
}

/// The rows with these keys, a value being as in JSON; of text without quotes.
fn wanted(batch: &RecordBatch, keys: &[(String, String)]) -> Result<Vec<usize>> {
    if keys.is_empty() {
        return Ok((0..batch.num_rows()).collect());
    }
    let schema = batch.schema();
    let places = keys.iter().filter_map(|(column, _)| schema.index_of(column).ok()).collect::<Vec<_>>();
    let columns = batch.project(&places).map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    let mut payloads = Payloads::default();
    encode::json.encode(&columns, &mut payloads)?;
    let same = |row: &usize| {
        let Ok(Value::Object(of)) = serde_json::from_slice(payloads.get(*row)) else { return false };
        keys.iter().all(|(column, value)| match of.get(column) {
            Some(Value::String(text)) => text == value,
            Some(other) => serde_json::to_string(other).is_ok_and(|text| text == *value),
            None => false,
        })
    };
    Ok((0..batch.num_rows()).filter(same).collect())
}

/// A column and a value from `column=value`.
fn key(word: &str) -> std::result::Result<(String, String), String> {
    let (column, value) = word.split_once('=').ok_or("write a column of the keys and its value: `country=DE`")?;
    Ok((column.to_owned(), value.to_owned()))
}
