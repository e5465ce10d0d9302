//! Making an epoch true, and showing it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::record::{Change, Close, Commit, Record, Start, StateFile};
use super::{Checkpoint, Head, Published, fence, lock, publish, retain, stage};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Store, parent};

impl Checkpoint {
    /// Records where sources begin that have no position yet. Durable when it returns; call it before the first fetch.
    /// A later record replaces an earlier one, so name every source that still needs its start.
    ///
    /// # Errors
    ///
    /// If a newer instance has taken over, or the log cannot be written.
    pub fn record_starts(&self, starts: Value) -> Result<()> {
        let mut head = self.head()?;
        self.append(&mut head, &Record::Start(Start { starts }))
    }

    /// Makes an epoch true. The files it names are written and synced; their folders are synced here.
    ///
    /// `generation`, `roots`, `published_through`, the older generation of state files and, if it is empty, `writers`
    /// are filled in. At most one epoch may be committed and not yet published.
    ///
    /// # Errors
    ///
    /// After any error but [`Kind::Internal`] it is open whether the epoch is committed, and this instance is finished:
    /// the next start finds out. [`Kind::Fenced`] means that a newer instance has taken over.
    pub fn commit(&self, mut commit: Commit) -> Result<()> {
        let mut head = self.head()?;
        let last = head.last.clone();
        let expected = last.as_ref().map_or(1, |last| last.epoch + 1);
        let epoch = commit.epoch;
        if epoch != expected {
            return Err(Error::new(Kind::Internal, format!("epoch {epoch} cannot be committed, {expected} is next")));
        }
        {
            let progress = lock(&self.progress);
            if progress.pending.len() > 1 {
                return Err(Error::new(
                    Kind::Internal,
                    format!("epoch {epoch} is to be committed while two are not published"),
                ));
            }
            commit.published_through = progress.through;
        }
        commit.generation = self.author.generation;
        for (id, files) in &commit.sinks {
            let Some(sink) = self.sinks.get(id) else {
                return Err(Error::new(
                    Kind::Internal,
                    format!("epoch {epoch} names sink `{id}`, which was not opened"),
                ));
            };
            if !files.is_empty() {
                commit.roots.insert(id.clone(), sink.name().to_owned());
            }
        }
        if commit.writers.is_empty() {
            commit.writers.push(self.writer.clone());
        }
        retain::carry(last.as_deref(), &mut commit, self.identity.key_groups, &lock(&self.damaged));
        let late = mutant::is(Mutant::RecordBeforeState);
        if !late {
            self.sync_named(last.as_deref(), &commit).inspect_err(|error| head.end(error))?;
        }
        let record = Record::Commit(Box::new(commit));
        self.append(&mut head, &record)?;
        if let Record::Commit(commit) = record {
            if late {
                self.sync_named(last.as_deref(), &commit)?;
            }
            let commit = Arc::new(*commit);
            let slot = head.tail.slot;
            head.recent.retain(|(epoch, _)| commit.published_through.is_none_or(|through| *epoch > through));
            head.recent.push_back((commit.epoch, slot));
            head.last = Some(Arc::clone(&commit));
            lock(&self.progress).pending.push_back(commit);
        }
        Ok(())
    }

    /// Makes a change of state true that no epoch has made, before the next one. The files it names are written and synced;
    /// their folders are synced here. The writer is filled in.
    ///
    /// # Errors
    ///
    /// There is no epoch whose state could be changed, a newer instance has taken over, or the log cannot be written.
    pub fn change(&self, mut change: Change) -> Result<()> {
        let mut head = self.head()?;
        let Some(last) = head.last.clone() else {
            return Err(Error::new(Kind::Internal, "there is no state to change: no epoch is committed"));
        };
        change.writer = self.writer.clone();
        let next = Commit { operators: change.operators.clone(), ..last.as_ref().clone() };
        let state = Commit {
            sinks: std::collections::BTreeMap::new(),
            outbox: std::collections::BTreeMap::new(),
            ..next.clone()
        };
        self.sync_named(Some(&last), &state).inspect_err(|error| head.end(error))?;
        self.append(&mut head, &Record::Change(Box::new(change)))?;
        head.last = Some(Arc::new(next));
        Ok(())
    }

    /// Moves the files of a committed epoch to where readers see them. Epochs are published in order. May run while the
    /// next epoch is committed.
    ///
    /// # Errors
    ///
    /// If a call fails, or a file is gone. The epoch stays committed, and the next start publishes it, or this instance when it
    /// is called again.
    pub fn publish(&self, epoch: u64) -> Result<Published> {
        let _one = lock(&self.publishing);
        let next = |progress: &super::Progress| Some((Arc::clone(progress.pending.front()?), progress.failed));
        let (commit, failed) = match next(&lock(&self.progress)) {
            Some((commit, failed)) if commit.epoch == epoch => (commit, failed),
            _ => {
                return Err(Error::new(Kind::Internal, format!("epoch {epoch} is not the next one to be published"))
                    .help("commit it first, and publish in order"));
            }
        };
        let published = publish::publish(&self.sinks, &commit, failed);
        let mut progress = lock(&self.progress);
        progress.failed = published.is_err();
        let published = published?;
        progress.pending.pop_front();
        progress.through = Some(epoch);
        Ok(published)
    }

    /// Ends this generation in good order. Every committed epoch is published.
    ///
    /// # Errors
    ///
    /// If an epoch is not published, a newer instance has taken over, or the log cannot be written.
    pub fn close(&self) -> Result<()> {
        if let Some(epoch) = lock(&self.progress).pending.front().map(|commit| commit.epoch) {
            return Err(Error::new(
                Kind::Internal,
                format!("epoch {epoch} is to be published before the checkpoint is closed"),
            ));
        }
        // Nothing is staged any more, so an empty folder is all that this generation may have left.
        self.sinks.values().try_for_each(|sink| stage::remove_empty(sink, self.generation()))?;
        self.end(None)
    }

    /// Ends this generation because of an error, which the next starts can then tell; a full disk is none. Writes nothing
    /// where an error has made appending impossible before, unless a disk was full then: it may have room again.
    ///
    /// # Errors
    ///
    /// If the log cannot be written, or a newer instance has taken over: then that is why, since it deletes what older
    /// ones have staged.
    pub fn fail(&self, error: &Error) -> Result<()> {
        if error.kind() == Kind::Fenced {
            return Ok(());
        }
        {
            let mut head = lock(&self.head);
            if head.ended.is_some() {
                let free = fence::check(&self.log, &head.tail, &self.author)?;
                if !(free && error.is_disk_full()) {
                    return Ok(());
                }
                // The record that there was no room for is not in the log, and its slot is made only once.
                head.ended = None;
            }
        }
        self.end(Close::because(error))
    }

    fn end(&self, error: Option<String>) -> Result<()> {
        let published_through = lock(&self.progress).through;
        let mut head = self.head()?;
        self.append(&mut head, &Record::Close(Close { published_through, error }))?;
        head.ended = Some("it is closed".to_owned());
        Ok(())
    }

    fn head(&self) -> Result<std::sync::MutexGuard<'_, Head>> {
        let head = lock(&self.head);
        match &head.ended {
            None => Ok(head),
            Some(why) => Err(Error::new(Kind::Internal, format!("the checkpoint takes no more records: {why}"))
                .help("end this process and start again")),
        }
    }

    fn append(&self, head: &mut Head, record: &Record) -> Result<()> {
        match fence::append(&self.log, &head.tail, &self.author, record) {
            Ok(tail) => {
                head.tail = tail;
                Ok(())
            }
            Err(error) => {
                head.end(&error);
                Err(error)
            }
        }
    }

    /// Makes the names of all new files durable, each folder once, and sees that the files are there: a record that
    /// names a missing file could never be carried out.
    fn sync_named(&self, last: Option<&Commit>, commit: &Commit) -> Result<()> {
        let files = |commit: &Commit| -> Vec<StateFile> {
            commit
                .operators
                .values()
                .flat_map(|files| files.snapshots.iter().chain(&files.changelogs))
                .cloned()
                .collect()
        };
        let known: BTreeSet<String> = last.map(files).unwrap_or_default().into_iter().map(|file| file.path).collect();
        let new =
            files(commit).into_iter().filter(|file| !known.contains(&file.path)).map(|file| (file.path, file.len));
        let outbox = commit.outbox.values().flatten().map(|file| (file.path.clone(), file.len));
        sync_new(self.store.as_ref(), commit.epoch, new.chain(outbox).collect())?;
        for (id, files) in &commit.sinks {
            let Some(sink) = self.sinks.get(id) else { continue };
            let files = files.iter().map(|file| (sink.stage_path(&file.stage), file.len));
            sync_new(sink.store().as_ref(), commit.epoch, files.collect())?;
        }
        Ok(())
    }
}

impl Close {
    /// What a log says of an end by `error`: nothing of a full disk, which says nothing about the build that met it.
    pub(super) fn because(error: &Error) -> Option<String> {
        (!error.is_disk_full()).then(|| error.to_string())
    }
}

impl Head {
    fn end(&mut self, error: &Error) {
        self.ended = Some(error.to_string());
    }
}

/// Sees that new files are there, and makes their names durable.
fn sync_new(store: &dyn Store, epoch: u64, files: Vec<(String, u64)>) -> Result<()> {
    let (paths, wanted): (Vec<String>, Vec<u64>) = files.into_iter().unzip();
    for ((path, len), found) in paths.iter().zip(wanted).zip(store.lens(&paths)?) {
        let found = match found {
            Some(found) if found == len => continue,
            Some(found) => format!("has {found} bytes, not {len}"),
            None => "is not there".to_owned(),
        };
        let what = format!("epoch {epoch} was not committed: `{}` {found}", store.describe(path));
        return Err(Error::new(Kind::Internal, what)
            .help("if nobody deleted it, this is a bug in the sink or the operator; start again"));
    }
    let dirs: BTreeSet<&str> = paths.iter().map(|path| parent(path)).collect();
    dirs.iter().try_for_each(|dir| store.sync_dir(dir))
}
