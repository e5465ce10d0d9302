//! A store that remembers what was done to it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::{Created, DurableFile, Entry, LocalOptions, LocalStore, Locked, Renamed};

/// Remembers every effectful call.
#[derive(Debug, Clone)]
pub(super) struct Traced {
    inner: Arc<LocalStore>,
    calls: Arc<Mutex<Vec<String>>>,
    locks: bool,
    full: Arc<AtomicBool>,
}

impl Traced {
    pub(super) fn new(dir: &Path) -> Self {
        let options = LocalOptions { durability: Durability::ProcessCrash, private: true };
        Self {
            inner: Arc::new(LocalStore::open(dir, options).unwrap()),
            calls: Arc::default(),
            locks: true,
            full: Arc::default(),
        }
    }

    pub(super) fn without_locks(mut self) -> Self {
        self.locks = false;
        self
    }

    /// The disk is full when the next slot is made; then it has room again.
    pub(super) fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// Another folder; what is done there is remembered with the rest.
    pub(super) fn beside(&self, dir: &Path) -> Self {
        let options = LocalOptions { durability: Durability::ProcessCrash, private: false };
        Self { inner: Arc::new(LocalStore::open(dir, options).unwrap()), ..self.clone() }
    }

    /// What was done since the last question, in order.
    pub(super) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.calls))
    }

    fn effect<T>(&self, what: &str, path: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
        lock(&self.calls).push(format!("{what} {path}"));
        call()
    }
}

struct TracedFile {
    inner: Box<dyn DurableFile>,
    path: String,
    store: Traced,
}

impl std::io::Write for TracedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.store.calls).push(format!("write {}", self.path));
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl DurableFile for TracedFile {
    fn sync_and_close(self: Box<Self>) -> Result<()> {
        let Self { inner, path, store } = *self;
        store.effect("sync", &path, || inner.sync_and_close())
    }
}

impl Store for Traced {
    fn describe(&self, path: &str) -> String {
        self.inner.describe(path)
    }

    fn create_only(&self, path: &str, bytes: &[u8]) -> Result<Created> {
        if self.full.swap(false, Ordering::Relaxed) {
            return Err(Error::io("writing a slot", std::io::ErrorKind::StorageFull.into()));
        }
        self.effect("create_only", path, || self.inner.create_only(path, bytes))
    }

    fn write_new_file(&self, path: &str) -> Result<Box<dyn DurableFile>> {
        let inner = self.effect("write_new_file", path, || self.inner.write_new_file(path))?;
        Ok(Box::new(TracedFile { inner, path: path.to_owned(), store: self.clone() }))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }

    fn len(&self, path: &str) -> Result<Option<u64>> {
        self.inner.len(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
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
