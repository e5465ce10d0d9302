//! The folders `<out>.stage`, where output is invisible until its epoch is committed.
//!
//! They are siblings of the output and never inside it: readers of an output folder read every parquet file below it,
//! whatever its name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::store::{Created, SinkRoot, Store, join};

const OWNER: &str = "OWNER";

/// Where the files of one sink and one epoch are staged.
#[derive(Debug, Clone)]
pub struct StageDir {
    pub(super) sink: SinkRoot,
    pub(super) dir: String,
}

impl StageDir {
    /// The store to write to.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        self.sink.store()
    }

    /// The path in [`StageDir::store`] of a file of this name.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.sink.stage_path(&self.recorded(name))
    }

    /// What goes into [`OutputFile::stage`](super::OutputFile::stage) for a file of this name.
    #[must_use]
    pub fn recorded(&self, name: &str) -> String {
        join(&self.dir, name)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    pipeline_id: String,
    sink: String,
}

/// `g<generation>/e<epoch>`, relative to `<out>.stage`.
pub(super) fn epoch_dir(generation: u64, epoch: u64) -> String {
    format!("g{generation}/e{epoch:010}")
}

/// Makes both folders of a sink, and finds what would fail at the first publish: another file system, another owner.
pub(super) fn prepare(id: &str, sink: &SinkRoot, pipeline_id: &str) -> Result<()> {
    let (store, name) = (sink.store(), sink.name());
    let (out, stage) = (sink.out_path(""), sink.stage_path(""));
    let output = |error: Error| {
        Error::new(
            Kind::Output,
            format!("the output `{name}` of sink `{id}` cannot be made ready: {}", error.message()),
        )
        .help("check that the folder above it exists and can be written")
        .caused_by(error)
    };
    store.create_dirs(&out).map_err(output)?;
    store.create_dirs(&stage).map_err(output)?;
    // A process may have died between making a folder and syncing its name.
    store.sync_dir(crate::store::parent(&out))?;
    if !store.same_filesystem(&out, &stage)? {
        let stage = store.describe(&stage);
        return Err(Error::new(Kind::Config, format!("`{name}` and `{stage}` are on different file systems"))
            .help("staged files are renamed into the output; mount the folder above both, not the output alone"));
    }
    store.probe(&stage)?;
    let owner = Owner { pipeline_id: pipeline_id.to_owned(), sink: id.to_owned() };
    let owner = serde_json::to_vec(&owner).map_err(|e| Error::new(Kind::Internal, e.to_string()))?;
    let path = sink.stage_path(OWNER);
    let unknown = match store.create_only(&path, &owner)? {
        Created::Created => return Ok(()),
        Created::Exists => None,
        Created::Unknown(error) => Some(error),
    };
    let found = match (store.read(&path)?, unknown) {
        (None, Some(error)) => return Err(error),
        (found, _) => found.unwrap_or_default(),
    };
    let shown = store.describe(&path);
    let found: Owner = serde_json::from_slice(&found).map_err(|e| {
        Error::new(Kind::Io, format!("`{shown}` is corrupt: {e}"))
            .help("delete it if no other pipeline writes this output")
    })?;
    if found.pipeline_id != pipeline_id {
        return Err(Error::new(
            Kind::Config,
            format!(
                "the output `{name}` belongs to the pipeline {}, not to {pipeline_id} (`{shown}`)",
                found.pipeline_id
            ),
        )
        .help("choose another output, or, if that pipeline is gone for good, delete this file"));
    }
    Ok(())
}

/// Deletes what older generations staged. All that they committed is published by now.
pub(super) fn clean(sink: &SinkRoot, generation: u64) -> Result<()> {
    let (store, stage) = (sink.store().as_ref(), sink.stage_path(""));
    for entry in store.list(&stage)? {
        let older = entry.name.strip_prefix('g').and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n < generation);
        if older && entry.is_dir {
            remove_tree(store, &join(&stage, &entry.name))?;
        }
    }
    clean_temporary(store, &stage)
}

/// Removes the folder of a generation that has ended, unless there is something in it.
pub(super) fn remove_empty(sink: &SinkRoot, generation: u64) -> Result<()> {
    sink.store().remove_empty_dir(&sink.stage_path(&format!("g{generation}"))).map(drop)
}

/// Deletes what a process left that died while it made a small file.
pub(super) fn clean_temporary(store: &dyn Store, dir: &str) -> Result<()> {
    for entry in store.list(dir)?.iter().filter(|entry| !entry.is_dir && entry.name.starts_with(".tmp-")) {
        store.remove(&join(dir, &entry.name))?;
    }
    Ok(())
}

pub(crate) fn remove_tree(store: &dyn Store, dir: &str) -> Result<()> {
    let (dirs, files): (Vec<_>, Vec<_>) = store.list(dir)?.into_iter().partition(|entry| entry.is_dir);
    dirs.iter().try_for_each(|entry| remove_tree(store, &join(dir, &entry.name)))?;
    let files: Vec<String> = files.iter().map(|entry| join(dir, &entry.name)).collect();
    store.remove_many(&files)?;
    store.remove_empty_dir(dir)?;
    Ok(())
}
