//! Moving the files of a committed epoch to where readers see them.
//!
//! Every step can be done again: by this process, by the next one, and by a zombie at the same time.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Commit, OutputFile};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Digest, Move, RESTORE, Renamed, SinkRoot, parent};

/// How many files a publish moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// Moved now.
    pub moved: u64,
    /// Found at their place.
    pub present: u64,
}

/// Publishes one epoch. With `recovering`, also the folders that a process made and had no time to sync are synced.
pub(super) fn publish(sinks: &BTreeMap<String, SinkRoot>, commit: &Commit, recovering: bool) -> Result<Published> {
    let mut done = Published::default();
    for (id, files) in commit.sinks.iter().filter(|(_, files)| !files.is_empty()) {
        let sink = sinks.get(id).ok_or_else(|| unknown_sink(commit.epoch, id))?;
        publish_sink(sink, commit.epoch, files, recovering, &mut done)?;
    }
    Ok(done)
}

/// Refuses, before anything is written, a start that could not publish what is committed.
pub(super) fn check(roots: &BTreeMap<String, String>, commit: &Commit) -> Result<()> {
    for (id, files) in commit.sinks.iter().filter(|(_, files)| !files.is_empty()) {
        let now = roots.get(id).ok_or_else(|| unknown_sink(commit.epoch, id))?;
        let then = commit.roots.get(id);
        if then.is_some_and(|then| then != now) {
            let (epoch, count, then) = (commit.epoch, files.len(), then.map_or("", String::as_str));
            return Err(Error::new(
                Kind::Config,
                format!(
                    "epoch {epoch} is committed with {count} files for `{then}`, but sink `{id}` now writes to `{now}`"
                ),
            )
            .help("start once with the old output and stop in good order, then change it"));
        }
    }
    Ok(())
}

fn unknown_sink(epoch: u64, id: &str) -> Error {
    Error::new(
        Kind::Config,
        format!("epoch {epoch} is committed with files of sink `{id}`, which is not in the pipeline"),
    )
    .help("start the build with that sink once and stop it in good order, then remove the sink")
}

fn publish_sink(
    sink: &SinkRoot,
    epoch: u64,
    files: &[OutputFile],
    recovering: bool,
    done: &mut Published,
) -> Result<()> {
    let store = sink.store();
    let (mut targets, mut stages) = (BTreeSet::new(), BTreeSet::new());
    let mut moves = Vec::with_capacity(files.len());
    for file in files {
        let (to, from) = (sink.out_path(&file.path), sink.stage_path(&file.stage));
        targets.insert(parent(&to).to_owned());
        stages.insert(parent(&from).to_owned());
        moves.push(Move { from, to, len: file.len });
    }
    targets.iter().try_for_each(|dir| store.create_dirs(dir))?;
    if mutant::is(Mutant::PublishStops)
        && let Some(there) = files.iter().position(|file| present(sink, epoch, file).unwrap_or(false))
    {
        moves.truncate(there);
    }
    for (file, renamed) in files.iter().zip(store.rename_many(&moves)) {
        match renamed? {
            Renamed::Done => done.moved += 1,
            // An earlier publish, or another process that publishes the same commit, has done it.
            Renamed::TargetExists | Renamed::SourceMissing if present(sink, epoch, file)? => done.present += 1,
            Renamed::TargetExists | Renamed::SourceMissing => return Err(lost(sink, epoch, file)),
        }
    }
    if recovering {
        for dir in targets.clone() {
            let mut above = dir.as_str();
            while above.len() > sink.out_path("").len() {
                above = parent(above);
                targets.insert(above.to_owned());
            }
        }
    }
    targets.iter().try_for_each(|dir| store.sync_dir(dir))?;
    for dir in &stages {
        // The whole folder may be gone after an earlier publish.
        if !store.remove_empty_dir(dir)? && !store.list(dir)?.is_empty() {
            store.sync_dir(dir)?;
        }
    }
    Ok(())
}

/// Up to this length the content of a file that is in its place is compared, too: small files of other rows may be of one length.
/// So much is read of each file of the one or two epochs that a start finds unpublished.
const COMPARED: u64 = 16 << 20;

/// Whether the file is where it belongs.
fn present(sink: &SinkRoot, epoch: u64, file: &OutputFile) -> Result<bool> {
    let (store, target) = (sink.store(), sink.out_path(&file.path));
    let other = match store.len(&target)? {
        None => return Ok(false),
        Some(len) if len != file.len => Some(format!("{len} bytes, {} are committed", file.len)),
        Some(len) if len > COMPARED => None,
        Some(len) => {
            let Some(bytes) = store.read(&target)? else { return Ok(false) };
            let differs = Digest { len, xxh3: file.xxh3.clone() }.differs_from(&bytes);
            differs.map(|_| "other content than is committed".to_owned())
        }
    };
    let Some(other) = other else { return Ok(true) };
    let target = store.describe(&target);
    Err(Error::new(Kind::Io, format!("epoch {epoch}: `{target}` has {other}")).help(
        "somebody changed it or put another file there; restore it from a backup, or move it away if it is not ours",
    ))
}

fn lost(sink: &SinkRoot, epoch: u64, file: &OutputFile) -> Error {
    let target = sink.store().describe(&sink.out_path(&file.path));
    let stage = sink.store().describe(&sink.stage_path(&file.stage));
    let rows = file.rows;
    Error::new(
        Kind::Io,
        format!("epoch {epoch}: the committed file `{target}` ({rows} rows) is neither there nor at `{stage}`"),
    )
    .help(RESTORE)
}
