//! The folder of a run for state that memory has no room for.
//!
//! What is in it is of no use to any other run: it is what this one would otherwise hold in memory. So nothing is synced, and it
//! goes with the run. A folder has a lock in it for as long as its run lives; whoever begins another one removes those whose locks
//! nobody holds. Names are random: a process of another container may have the same number as this one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Kind};
use crate::{Result, clock};

/// What the names in the folder begin with: nothing else in it is touched.
const PREFIX: &str = "millstream-spill-";
/// The file in a run's folder whose lock says that the run lives.
const LOCK: &str = "lock";
/// How many names are tried for a folder: others may take one for left behind before it has its lock.
const TRIES: usize = 100;

/// A folder of its own for each run, so that several may be given the same one.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    /// Numbers files.
    next: AtomicU64,
    /// Locked, where there are locks.
    _lock: File,
}

impl Scratch {
    /// Begins a folder in `parent`, which is made if it is not there, and removes those of processes that are gone. It may take
    /// long: there may be much in them.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn open(parent: &Path) -> Result<Arc<Self>> {
        let (folder, lock) = begin(parent).map_err(|error| unusable(parent, &error))?;
        Ok(Arc::new(Self { folder, next: AtomicU64::new(0), _lock: lock }))
    }

    /// Makes a file with a new name, for this user only: it holds rows.
    pub(super) fn create(&self) -> Result<(PathBuf, File)> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = private(OpenOptions::new().write(true).create_new(true)).open(&path);
        file.map_err(|error| failed("writing", &path, &error)).map(|file| (path, file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        remove(&self.folder).ok();
    }
}

/// What went wrong with a file of spilled state. A full disk is not waited for: what fills it may be that very state.
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("{doing} spilled state in `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::new(Kind::Io, message).help(
            "the disk of the scratch folder has no more room: give `.spill(..)` (`run --spill DIR`) a larger one, or more of the \
             state memory with `.state_budget(..)`; the checkpoint has all state up to the last commit",
        ),
        kind => Error::io(format!("{doing} spilled state in `{}`", path.display()), copy(kind, error)),
    }
}

/// An error of the system once more.
fn copy(kind: ErrorKind, error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::new(kind, error.to_string()), io::Error::from_raw_os_error)
}

fn begin(parent: &Path) -> io::Result<(PathBuf, File)> {
    folder(DirBuilder::new().recursive(true)).create(parent)?;
    sweep(parent)?;
    let mut last = ErrorKind::AlreadyExists.into();
    for attempt in 0..TRIES {
        let number = RandomState::new().hash_one((std::process::id(), clock::now(), attempt));
        let own = parent.join(format!("{PREFIX}{number:016x}"));
        match folder(&mut DirBuilder::new()).create(&own).and_then(|()| hold(&own)) {
            Ok(Some(lock)) => return Ok((own, lock)),
            Ok(None) => {}
            // The name is taken, or somebody has removed the folder, which had no lock yet.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Makes and takes the lock of a new folder; `None` if somebody was faster and has removed the folder, or is about to.
fn hold(own: &Path) -> io::Result<Option<File>> {
    let path = own.join(LOCK);
    let lock = private(OpenOptions::new().write(true).create_new(true)).open(&path)?;
    match lock.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        // Where there are no locks, others cannot take it either, and leave the folder alone.
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(path.exists().then_some(lock)),
    }
}

/// Removes what processes that are gone have left: the folders whose locks can be taken, and empty ones.
fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !ours || !entry.file_type().is_ok_and(|of| of.is_dir()) {
            continue;
        }
        match File::open(entry.path().join(LOCK)) {
            // Held until all is gone. What cannot be removed is left to the next.
            Ok(lock) if lock.try_lock().is_ok() => drop(remove(&entry.path())),
            Ok(_) => {}
            // One that is not empty is none of ours.
            Err(_) => drop(fs::remove_dir(entry.path())),
        }
    }
    Ok(())
}

/// Removes a folder, the lock last: a folder without one is removed by nobody unless it is empty.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(folder.join(LOCK))?;
    fs::remove_dir(folder)
}

/// For this user only, where there are such modes.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn folder(builder: &mut DirBuilder) -> &mut DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}

fn unusable(parent: &Path, error: &io::Error) -> Error {
    let kind = if error.kind() == ErrorKind::ReadOnlyFilesystem { Kind::Output } else { Kind::Io };
    // Not its cause: a full disk would be waited for.
    Error::new(kind, format!("state cannot be spilled to the folder `{}`: {error}", parent.display()))
        .help("give `.spill(..)` (`run --spill DIR`) a folder on a local disk that has room, and that this process may write to")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn two_runs_share_a_folder_and_nothing_is_left() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("made/for it");
        let (one, two) = (Scratch::open(&place).unwrap(), Scratch::open(&place).unwrap());
        one.create().unwrap();
        two.create().unwrap();
        assert!(one.folder != two.folder);
        assert_eq!(names(&place).len(), 2);
        drop(one);
        assert_eq!(names(&two.folder), ["0", "lock"]);
        drop(two);
        assert!(names(&place).is_empty());
    }

    /// A process of another container may have the same number, and see none of the others.
    #[test]
    fn a_folder_is_removed_only_if_nobody_holds_its_lock() {
        let parent = tempfile::tempdir().unwrap();
        let left = |name: &str, files: &[&str]| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            files.iter().for_each(|file| fs::write(folder.join(file), "of nobody").unwrap());
            folder
        };
        let dead = left("millstream-spill-1-0", &["0", "lock"]);
        let begun = left("millstream-spill-2", &[]);
        let strange = left("millstream-spill-3", &["0"]);
        let held = left("millstream-spill-4", &["0", "lock"]);
        left("another", &["lock"]);
        let lock = File::open(held.join(LOCK)).unwrap();
        lock.try_lock().unwrap();
        let lives = Scratch::open(parent.path()).unwrap();
        let again = Scratch::open(parent.path()).unwrap();
        assert!(!dead.exists() && !begun.exists());
        assert!(strange.exists() && held.join("0").exists() && lives.folder.exists() && again.folder.exists());
        drop((lives, again, lock));
        drop(Scratch::open(parent.path()).unwrap());
        assert_eq!(names(parent.path()), ["another", "millstream-spill-3"]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("made");
        let scratch = Scratch::open(&place).unwrap();
        let (file, _) = scratch.create().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            [&place, &scratch.folder, &scratch.folder.join(LOCK), &file].map(|path| mode(path)),
            [0o700, 0o700, 0o600, 0o600]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Scratch::open(&file.join("in it")).unwrap_err();
        assert!(error.message().starts_with("state cannot be spilled to the folder `"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told_and_not_waited_for() {
        let full = io::Error::from(ErrorKind::StorageFull);
        for error in [failed("writing", Path::new("/scratch/0"), &full), unusable(Path::new("/scratch"), &full)] {
            assert!(!error.is_disk_full() && error.to_string().contains("`/scratch"), "{error}");
            assert!(error.to_string().contains("`.spill(..)`") && error.kind() == Kind::Io, "{error}");
        }
    }
}
