//! What readers find, and whether they may.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use super::rows;
use crate::checkpoint::{Log, OutputFile, Record};
use crate::engine::ledger;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::pipeline::rehearsal::Received;
use crate::store::{Digest, SinkRoot, Store, join};

/// What went wrong, in words.
type Verdict<T> = std::result::Result<T, String>;

/// What commits say of files, by sink and path.
type Named = BTreeMap<(String, String), OutputFile>;

/// The outputs of a pipeline: by sink and path, what the commit says of the file, and its content.
#[derive(Default)]
pub(super) struct Seen {
    files: BTreeMap<(String, String), (OutputFile, Vec<u8>)>,
    /// Files that a commit names and that are not there.
    missing: Vec<String>,
    /// Files that are staged.
    staged: Vec<String>,
}

impl Seen {
    /// Reads all outputs. Refuses files that no commit names, and those that are not as their commit says.
    pub(super) fn by_readers(plan: &Plan, options: &Options) -> Verdict<Self> {
        let failed = |error: crate::Error| format!("what is written cannot be read: {error}");
        let (log, outputs) = ledger::outcome(plan, options).map_err(failed)?;
        let (mut named, oldest) = log.as_ref().map_or_else(|| Ok((Named::new(), 0)), named).map_err(failed)?;
        let mut seen = Self::default();
        for (sink, root) in &outputs {
            for path in tree(root, &root.out_path("")).map_err(failed)? {
                let bytes = root.store().read(&path).map_err(failed)?.unwrap_or_default();
                let inside = path.get(root.out_path("").len() + 1..).unwrap_or_default().to_owned();
                let key = (sink.clone(), inside);
                let Some(file) = named.remove(&key).or_else(|| of_collected(&key.1, oldest, &bytes)) else {
                    return Err(format!("a reader sees `{path}`, which no commit names"));
                };
                let recorded = Digest { len: file.len, xxh3: file.xxh3.clone() };
                if let Some(difference) = recorded.differs_from(&bytes) {
                    return Err(format!("a reader sees `{path}` torn: {difference}"));
                }
                seen.files.insert(key, (file, bytes));
            }
            let staged = tree(root, &root.stage_path("")).map_err(failed)?;
            // What a start has tried a bucket with, and died over, is deleted by one an hour later.
            let kept = |path: &String| path.ends_with("/OWNER") || path.contains("/.probe-");
            seen.staged.extend(staged.into_iter().filter(|path| !kept(path)));
        }
        seen.missing = named.into_keys().map(|(_, path)| path).collect();
        Ok(seen)
    }

    /// Does not mind what is staged.
    pub(super) fn forget_staged(&mut self) {
        self.staged.clear();
    }
}

/// All files that commits name, by sink and path, and the epoch of the first of them if those before were collected.
fn named(log: &Log) -> crate::Result<(Named, u64)> {
    let (mut named, mut oldest) = (Named::new(), None);
    let listing = log.listing()?;
    for slot in listing.slots {
        if let Record::Commit(commit) = log.read(slot)?.record {
            oldest.get_or_insert(commit.epoch);
            for (sink, files) in commit.sinks {
                named.extend(files.into_iter().map(|file| ((sink.clone(), file.path.clone()), file)));
            }
        }
    }
    Ok((named, oldest.filter(|_| listing.floor > 0).unwrap_or(0)))
}

/// A file of an epoch whose commit was collected as garbage: that its rows are right is seen at the end.
fn of_collected(path: &str, oldest: u64, bytes: &[u8]) -> Option<OutputFile> {
    let name = path.rsplit('/').next()?;
    let epoch: u64 = name.strip_prefix('e')?.get(..10)?.parse().ok()?;
    let Digest { len, xxh3 } = Digest::of(bytes);
    (epoch < oldest).then(|| OutputFile { path: path.to_owned(), len, xxh3, ..OutputFile::default() })
}

/// All files below a folder.
fn tree(root: &SinkRoot, folder: &str) -> crate::Result<Vec<String>> {
    let store: &Arc<dyn Store> = root.store();
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in store.list(&folder)? {
            let path = join(&folder, &entry.name);
            if entry.is_dir { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

/// The rows that there have to be, which are those of the first run.
#[derive(Default)]
pub(super) struct Rows {
    expected: Option<Vec<String>>,
    /// The rows of a file, by its checksum.
    read: HashMap<String, Arc<Vec<String>>>,
}

impl Rows {
    /// How many there have to be.
    pub(super) fn expected(&self) -> usize {
        self.expected.as_ref().map_or(0, Vec::len)
    }

    /// Whether a run has ended with all rows, and with nothing left over.
    pub(super) fn check(&mut self, seen: &Seen, received: &Received) -> Verdict<()> {
        if let Some(path) = seen.missing.first() {
            return Err(format!(
                "`{path}` is committed and not published, and so are {} more files",
                seen.missing.len() - 1
            ));
        }
        if let Some(path) = seen.staged.first() {
            return Err(format!("`{path}` is left over in the stage, and so are {} more files", seen.staged.len() - 1));
        }
        let mut found = self.delivered(received)?;
        for ((sink, path), (file, bytes)) in &seen.files {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let rows = match self.read.get(&file.xxh3) {
                Some(rows) => Arc::clone(rows),
                None => Arc::new(rows::of_file(path, bytes)?),
            };
            found.extend(rows.iter().map(|row| format!("{sink}: {folder} {row}")));
            self.read.insert(file.xxh3.clone(), rows);
        }
        found.sort_unstable();
        let Some(expected) = &self.expected else {
            self.expected = Some(found);
            return Ok(());
        };
        let (lost, doubled) = (rows::difference(expected, &found), rows::difference(&found, expected));
        if lost.is_empty() && doubled.is_empty() {
            return Ok(());
        }
        let some = |rows: &[&String]| match rows {
            [] => String::new(),
            rows => format!(" {:?}", rows.get(..rows.len().min(3)).unwrap_or_default()),
        };
        let (few, many) = (some(&lost), some(&doubled));
        Err(format!("{} rows were lost{few}, {} are there too often or should not be{many}", lost.len(), doubled.len()))
    }

    /// The rows that were delivered, those of a token once.
    fn delivered(&self, received: &Received) -> Verdict<Vec<String>> {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_token: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (token, batches) in received.iter() {
            let rows = rows::of_batches(batches)?;
            match by_token.get(&token.to_string()) {
                Some(before) if *before != rows => {
                    return Err(format!("the rows of token {token} were others when they were delivered again"));
                }
                _ => by_token.insert(token.to_string(), rows),
            };
        }
        Ok(by_token.into_values().flatten().collect())
    }
}
