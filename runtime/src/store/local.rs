//! A folder of a local disk.
//!
//! Every path is walked part by part from the root, and no link is followed, so that nothing below the root leads out of
//! it. On Unix that holds for a link that somebody puts there while we run, too.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::simulated::Process;
use super::{Created, Durability, DurableFile, Entry, LockGuard, Locked, Renamed, Store, join, parent, path::parts};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};

mod medium;
mod names;
mod remote;
#[cfg_attr(unix, path = "local/unix.rs")]
#[cfg_attr(windows, path = "local/windows.rs")]
mod system;

use medium::{File, Folder, Medium};

pub use remote::network_filesystem;
pub(crate) use system::host;

/// Threads that sync the files of one call.
const SYNCERS: usize = 8;

/// What is there by a name.
enum Look {
    /// A regular file, of so many bytes.
    File(u64),
    /// Something else: a directory, a link, a device.
    Other,
}

/// How a [`LocalStore`] is opened.
#[derive(Debug, Clone, Copy)]
pub struct LocalOptions {
    /// How much has to survive.
    pub durability: Durability,
    /// Only this user may read or write it: new directories are 0700 and new files 0600 rather than 0750 and 0640, and a
    /// root that another user owns or may write to is refused.
    pub private: bool,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self { durability: Durability::PowerLoss, private: true }
    }
}

/// A [`Store`] in a folder of a local disk.
#[derive(Debug)]
pub struct LocalStore {
    path: PathBuf,
    root: Folder,
    options: LocalOptions,
}

impl LocalStore {
    /// Opens a folder, and makes it and all above it if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made or opened, or is private and open to others.
    pub fn open(path: impl AsRef<Path>, options: LocalOptions) -> Result<Self> {
        Self::open_on(&Medium::Disk, path.as_ref(), options)
    }

    /// Opens a folder of the disk that a simulated process has, and makes it and all above it if it is not there.
    pub(super) fn simulated(process: &Process, path: &Path, options: LocalOptions) -> Result<Self> {
        Self::open_on(&Medium::Simulated(process.clone()), path, options)
    }

    fn open_on(medium: &Medium, path: &Path, options: LocalOptions) -> Result<Self> {
        let absolute = std::path::absolute(path).map_err(|e| Error::io(format!("finding `{}`", path.display()), e))?;
        make_root(medium, &absolute, options)?;
        let absolute =
            medium.canonicalize(&absolute).map_err(|e| Error::io(format!("opening `{}`", absolute.display()), e))?;
        let opening = |e| Error::io(format!("opening `{}`", absolute.display()), e);
        let root = medium.open(&absolute).map_err(opening)?;
        if options.private
            && let Some((what, help)) = root.open_to_others(&absolute).map_err(opening)?
        {
            return Err(Error::new(Kind::Config, format!("the folder `{}` {what}", absolute.display())).help(help));
        }
        Ok(Self { path: absolute, root, options })
    }

    /// The absolute path of the root, without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, doing: &str, path: &str, error: impl Into<io::Error>) -> Error {
        let (doing, error) = (format!("{doing} `{}`", self.describe(path)), error.into());
        let refused = match error.kind() {
            ErrorKind::NotFound => "the folder is gone: nothing else may move or remove it while the pipeline runs",
            ErrorKind::NotADirectory => {
                let what = format!("`{}` is a link or a file, and not a folder", self.describe(path));
                return Error::new(Kind::Output, what)
                    .help("remove it; nothing but millstream may write beside its output or in its checkpoint");
            }
            ErrorKind::PermissionDenied => "let this user write there",
            ErrorKind::AlreadyExists => "it is there already: nothing else may write there",
            _ => return Error::io(doing, error),
        };
        if ["opening", "reading", "listing", "looking at"].iter().any(|reading| doing.starts_with(reading)) {
            return Error::io(doing, error);
        }
        Error::new(Kind::Output, format!("{doing}: {error}")).caused_by(error).help(refused)
    }

    /// Opens a directory; `None` if there is none.
    fn dir(&self, path: &str) -> Result<Option<Folder>> {
        let mut at = self.root.again().map_err(|e| self.error("opening", path, e))?;
        let parts = parts(path)?;
        for (number, part) in parts.iter().enumerate() {
            at = match at.folder(part) {
                Ok(next) => next,
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
                Err(e) => {
                    let inside = parts.get(..=number).unwrap_or_default().join("/");
                    return Err(self.error("opening", &inside, e));
                }
            };
        }
        Ok(Some(at))
    }

    /// The directory of a path and the last part.
    fn place<'a>(&self, path: &'a str) -> Result<Option<(Folder, &'a str)>> {
        let name = parts(path)?.pop().ok_or_else(|| {
            Error::new(Kind::Internal, format!("`{}` is a directory, a file was meant", self.path.display()))
        })?;
        Ok(self.dir(parent(path))?.map(|dir| (dir, name)))
    }

    fn place_or_fail<'a>(&self, doing: &str, path: &'a str) -> Result<(Folder, &'a str)> {
        self.place(path)?.ok_or_else(|| self.error(doing, path, ErrorKind::NotFound))
    }

    /// Makes a file whole under another name, and then gives it its own; `false` if that is taken.
    fn create_once(&self, dir: &Folder, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let temporary = temporary_name(name);
        let mut file = dir.create_new(&temporary, self.options.private)?;
        let written = file.write_all(bytes);
        let late = mutant::is(Mutant::NameBeforeSync);
        let sync = |now| if now { self.sync_file(&file) } else { Ok(()) };
        let linked = written
            .and_then(|()| sync(!late))
            .and_then(|()| names::link_new(dir, &temporary, name))
            .and_then(|linked| sync(late).map(|()| linked));
        match dir.remove(&temporary) {
            Ok(()) => {}
            // A rename took it away.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            // The first error is the one to tell; a leftover is deleted at the next start.
            Err(_) if linked.is_err() => {}
            Err(e) => return Err(e),
        }
        linked
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        match self.options.durability {
            Durability::PowerLoss => file.sync_data(),
            Durability::ProcessCrash => Ok(()),
        }
    }

    fn sync_folder(&self, dir: &Folder, path: &str) -> Result<()> {
        match self.options.durability {
            Durability::PowerLoss => dir.sync().map_err(|e| self.error("syncing", path, e)),
            Durability::ProcessCrash => Ok(()),
        }
    }
}

impl Store for LocalStore {
    fn describe(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    fn create_only(&self, path: &str, bytes: &[u8]) -> Result<Created> {
        let (dir, name) = self.place_or_fail("creating", path)?;
        // Most of the names that are taken were taken long ago; do not write a file only to throw it away.
        if dir.look(name).is_ok() {
            self.sync_folder(&dir, path)?;
            return Ok(Created::Exists);
        }
        // Another instance that starts may have taken our temporary file for what a dead one left, and deleted it.
        for _ in 0..8 {
            match self.create_once(&dir, name, bytes) {
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(self.error("creating", path, e)),
                Ok(created) => {
                    self.sync_folder(&dir, path)?;
                    return Ok(if created { Created::Created } else { Created::Exists });
                }
            }
        }
        Err(self.error("creating", path, ErrorKind::NotFound))
    }

    fn write_new_file(&self, path: &str) -> Result<Box<dyn DurableFile>> {
        let (dir, name) = self.place_or_fail("creating", path)?;
        let file = dir.create_new(name, self.options.private).map_err(|e| self.error("creating", path, e))?;
        let durability = self.options.durability;
        Ok(Box::new(LocalFile { file, path: self.describe(path), durability, broken: None }))
    }

    fn sync_files(&self, files: Vec<Box<dyn DurableFile>>) -> Result<()> {
        // One by one every file waits for a flush of the disk, so several are synced at a time.
        if files.len() <= 4 || self.options.durability == Durability::ProcessCrash || self.root.is_simulated() {
            return files.into_iter().try_for_each(DurableFile::sync_and_close);
        }
        let threads = SYNCERS.min(files.len()) - 1;
        let waiting = Mutex::new(files);
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let sync = || std::iter::from_fn(next).try_for_each(DurableFile::sync_and_close);
        std::thread::scope(|scope| {
            // Where no more threads may be started those that are there do it all: slower, but as good.
            let threads: Vec<_> =
                (0..threads).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, sync).ok()).collect();
            let own = sync();
            threads.into_iter().fold(own, |result, thread| {
                result.and(match thread.join() {
                    Ok(result) => result,
                    Err(_) => Err(Error::new(Kind::Internal, "a thread that syncs files panicked")),
                })
            })
        })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((dir, name)) = self.place(path)? else { return Ok(None) };
        let mut file = match dir.read(name) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.error("opening", path, e)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| self.error("reading", path, e))?;
        Ok(Some(bytes))
    }

    fn len(&self, path: &str) -> Result<Option<u64>> {
        let Some((dir, name)) = self.place(path)? else { return Ok(None) };
        match dir.look(name) {
            Ok(Look::File(size)) => Ok(Some(size)),
            Ok(Look::Other) => Err(Error::new(Kind::Io, format!("`{}` is not a regular file", self.describe(path)))
                .help("somebody else put it there; move it away")),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.error("looking at", path, e)),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let Some(dir) = self.dir(path)? else { return Ok(Vec::new()) };
        let mut entries = dir.list().map_err(|e| self.error("listing", path, e))?;
        entries.sort_unstable();
        Ok(entries)
    }

    fn rename_no_replace(&self, from: &str, to: &str) -> Result<Renamed> {
        let (to_dir, to_name) = self.place_or_fail("creating", to)?;
        let Some((from_dir, from_name)) = self.place(from)? else { return Ok(Renamed::SourceMissing) };
        match names::rename_new(&from_dir, from_name, &to_dir, to_name) {
            Ok(renamed) => Ok(renamed),
            Err(e) if e.kind() == ErrorKind::CrossesDevices => Err(Error::new(
                Kind::Config,
                format!("`{}` and `{}` are on different file systems", self.describe(from), self.describe(to)),
            )
            .help("staged files are renamed into the output, so both folders have to be on one file system")),
            Err(e) => Err(self.error("renaming", from, e)),
        }
    }

    fn remove(&self, path: &str) -> Result<bool> {
        let Some((dir, name)) = self.place(path)? else { return Ok(false) };
        match dir.remove(name) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(self.error("removing", path, e)),
        }
    }

    fn remove_empty_dir(&self, path: &str) -> Result<bool> {
        let Some((dir, name)) = self.place(path)? else { return Ok(false) };
        match dir.remove_folder(name) {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => Ok(false),
            Err(e) => Err(self.error("removing", path, e)),
        }
    }

    fn create_dirs(&self, path: &str) -> Result<()> {
        let mut at = self.root.again().map_err(|e| self.error("opening", path, e))?;
        let mut walked = String::new();
        for part in parts(path)? {
            let inside = join(&walked, part);
            at = match at.folder(part) {
                Ok(next) => next,
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    match at.make_folder(part, self.options.private) {
                        Ok(()) => {}
                        // Another thread may have been first; its sync may still be to come, so ours is not spared.
                        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                        Err(e) => return Err(self.error("creating the folder", &inside, e)),
                    }
                    self.sync_folder(&at, &walked)?;
                    at.folder(part).map_err(|e| self.error("opening", &inside, e))?
                }
                Err(e) => return Err(self.error("opening the folder", &inside, e)),
            };
            walked = inside;
        }
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        let dir = self.dir(path)?.ok_or_else(|| self.error("syncing", path, ErrorKind::NotFound))?;
        self.sync_folder(&dir, path)
    }

    fn same_filesystem(&self, a: &str, b: &str) -> Result<bool> {
        let device = |path: &str| -> Result<u64> {
            let dir = self.dir(path)?.ok_or_else(|| self.error("opening", path, ErrorKind::NotFound))?;
            dir.device().map_err(|e| self.error("looking at", path, e))
        };
        Ok(device(a)? == device(b)?)
    }

    fn lock(&self, path: &str, text: &str) -> Result<Locked> {
        let (dir, name) = self.place_or_fail("locking", path)?;
        let mut file = dir.read_write(name).map_err(|e| self.error("opening", path, e))?;
        if !file.try_lock().map_err(|e| self.error("locking", path, e))? {
            let mut holder = String::new();
            // Only for a message; what cannot be read is left out of it.
            let _ = file.take(4096).read_to_string(&mut holder);
            return Ok(Locked::By(holder.trim().to_owned()));
        }
        file.empty().and_then(|()| file.write_all(text.as_bytes())).map_err(|e| self.error("writing", path, e))?;
        Ok(Locked::Held(Box::new(LocalLock { _file: file })))
    }
}

#[derive(Debug)]
struct LocalLock {
    _file: File,
}

impl LockGuard for LocalLock {}

struct LocalFile {
    file: File,
    path: String,
    durability: Durability,
    /// Why it could not be written any more.
    broken: Option<io::Error>,
}

/// What goes wrong is told by the sync, without which nothing names a file: encoders that buffer make a text of the error, or
/// forget it.
impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.is_none() {
            match self.file.write(bytes) {
                Err(error) if error.kind() != ErrorKind::Interrupted => self.broken = Some(error),
                written => return written,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DurableFile for LocalFile {
    fn sync_and_close(self: Box<Self>) -> Result<()> {
        if let Some(error) = self.broken {
            return Err(Error::io(format!("writing `{}`", self.path), error));
        }
        match self.durability {
            Durability::PowerLoss => {
                // Never again: the pages may count as written from now on, so a second sync would prove nothing.
                self.file.sync_data().map_err(|e| {
                    Error::io(format!("syncing `{}`", self.path), e)
                        .help("the disk has lost writes; check it, then start again from the last commit")
                })
            }
            Durability::ProcessCrash => Ok(()),
        }
    }
}

/// A name that no other process or thread uses.
fn temporary_name(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
    format!(".tmp-{name}-{unique:016x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes the root and all above it, and syncs every directory above it, whether or not it got a new name now: the process that
/// made a level may have died before it could.
fn make_root(medium: &Medium, path: &Path, options: LocalOptions) -> Result<()> {
    let fail = |path: &Path, e: io::Error| {
        Error::io(format!("creating the folder `{}`", path.display()), e).help("make it, or choose another folder")
    };
    let missing: Vec<&Path> = path.ancestors().take_while(|level| !medium.exists(level)).collect();
    for level in missing.iter().rev() {
        match medium.make(level, options.private) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(fail(level, e)),
        }
    }
    if options.durability == Durability::ProcessCrash {
        return Ok(());
    }
    for level in path.ancestors() {
        let Some(above) = level.parent() else { break };
        match medium.sync(above) {
            Ok(()) => {}
            // A folder that only others may read was not changed by us, and some file systems have nothing to sync.
            Err(e) if !missing.contains(&level) && UNSYNCED.contains(&e.kind()) => {}
            Err(e) => return Err(fail(above, e)),
        }
    }
    Ok(())
}

/// Why a folder cannot be synced that others made.
const UNSYNCED: [ErrorKind; 4] =
    [ErrorKind::PermissionDenied, ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::ReadOnlyFilesystem];
