//! A store that dies at a given call, as a process does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::store::{Created, DurableFile, Entry, LocalOptions, LocalStore, Locked, Renamed};

/// When to die.
#[derive(Debug, Clone, Copy)]
pub(super) enum Death {
    /// Instead of the call.
    Before(u64),
    /// After the call, so that its answer is lost.
    After(u64),
    /// In the middle of a write.
    Torn(u64),
    Never,
}

#[derive(Debug)]
struct Life {
    death: Death,
    calls: AtomicU64,
    dead: AtomicBool,
    trace: Mutex<Vec<String>>,
}

/// Counts effectful calls, dies at one of them, and fails at all that follow.
#[derive(Debug, Clone)]
pub(super) struct Faulty {
    inner: Arc<LocalStore>,
    life: Arc<Life>,
    locks: bool,
}

impl Faulty {
    pub(super) fn new(dir: &Path, death: Death) -> Self {
        let options = LocalOptions { durability: Durability::ProcessCrash, private: true };
        let inner = Arc::new(LocalStore::open(dir, options).unwrap());
        Self {
            inner,
            life: Arc::new(Life { death, calls: 0.into(), dead: false.into(), trace: Mutex::default() }),
            locks: true,
        }
    }

    pub(super) fn without_locks(mut self) -> Self {
        self.locks = false;
        self
    }

    /// Another folder of the same process.
    pub(super) fn beside(&self, dir: &Path) -> Self {
        let options = LocalOptions { durability: Durability::ProcessCrash, private: false };
        let inner = Arc::new(LocalStore::open(dir, options).unwrap());
        Self { inner, life: Arc::clone(&self.life), locks: self.locks }
    }

    pub(super) fn calls(&self) -> u64 {
        self.life.calls.load(Ordering::SeqCst)
    }

    pub(super) fn dead(&self) -> bool {
        self.life.dead.load(Ordering::SeqCst)
    }

    fn alive(&self) -> Result<()> {
        if self.dead() { Err(died()) } else { Ok(()) }
    }

    /// What was done since the last question, in order.
    pub(super) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.life.trace))
    }

    fn effect<T>(&self, what: &str, path: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.life.effect(format!("{what} {path}"), call)
    }
}

impl Life {
    fn effect<T>(&self, what: String, call: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(died());
        }
        lock(&self.trace).push(what);
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.death {
            Death::Before(at) | Death::Torn(at) if at == number => {
                self.dead.store(true, Ordering::SeqCst);
                Err(died())
            }
            Death::After(at) if at == number => {
                call()?;
                self.dead.store(true, Ordering::SeqCst);
                Err(died())
            }
            _ => call(),
        }
    }
}

fn died() -> Error {
    Error::new(Kind::Io, "the process died")
}

struct FaultyFile {
    inner: Box<dyn DurableFile>,
    path: String,
    life: Arc<Life>,
}

impl std::io::Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let next = self.life.calls.load(Ordering::SeqCst);
        if matches!(self.life.death, Death::Torn(at) if at == next) {
            self.inner.write_all(&bytes[..bytes.len() / 2])?;
        }
        self.life
            .effect(format!("write {}", self.path), || self.inner.write(bytes).map_err(|e| Error::io("writing", e)))
            .map_err(std::io::Error::other)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl DurableFile for FaultyFile {
    fn sync_and_close(self: Box<Self>) -> Result<()> {
        let Self { inner, path, life } = *self;
        life.effect(format!("sync {path}"), || inner.sync_and_close())
    }
}

impl Store for Faulty {
    fn describe(&self, path: &str) -> String {
        self.inner.describe(path)
    }

    fn create_only(&self, path: &str, bytes: &[u8]) -> Result<Created> {
        let next = self.calls();
        if matches!(self.life.death, Death::Torn(at) if at == next) {
            // What a death between the write and the link leaves.
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            let temporary = join(dir, &format!(".tmp-{name}-torn"));
            self.inner.write_new_file(&temporary)?.write_all(&bytes[..bytes.len() / 2]).unwrap();
        }
        self.effect("create_only", path, || self.inner.create_only(path, bytes))
    }

    fn write_new_file(&self, path: &str) -> Result<Box<dyn DurableFile>> {
        let inner = self.effect("write_new_file", path, || self.inner.write_new_file(path))?;
        Ok(Box::new(FaultyFile { inner, path: path.to_owned(), life: Arc::clone(&self.life) }))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.alive()?;
        self.inner.read(path)
    }

    fn len(&self, path: &str) -> Result<Option<u64>> {
        self.alive()?;
        self.inner.len(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        self.alive()?;
        self.inner.list(dir)
    }

    fn rename_no_replace(&self, from: &str, to: &str) -> Result<Renamed> {
        self.effect("rename to", to, || self.inner.rename_no_replace(from, to))
    }

    fn remove(&self, path: &str) -> Result<bool> {
        self.effect("remove", path, || self.inner.remove(path))
    }

    fn remove_empty_dir(&self, dir: &str) -> Result<bool> {
        self.effect("remove_empty_dir", dir, || self.inner.remove_empty_dir(dir))
    }

    fn create_dirs(&self, dir: &str) -> Result<()> {
        self.effect("create_dirs", dir, || self.inner.create_dirs(dir))
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.effect("sync_dir", dir, || self.inner.sync_dir(dir))
    }

    fn same_filesystem(&self, a: &str, b: &str) -> Result<bool> {
        self.inner.same_filesystem(a, b)
    }

    fn lock(&self, path: &str, text: &str) -> Result<Locked> {
        if self.locks { self.inner.lock(path, text) } else { Ok(Locked::Unsupported) }
    }
}
