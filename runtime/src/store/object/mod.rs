//! A folder of an object store: Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.
//!
//! There are no folders in such a store, only names with `/`, and nothing to sync: an object is there, whole and durable,
//! when the request to write it is answered. There is no rename either: a file is copied by the server to its new name and
//! then deleted under the old one. What makes the commit log possible is a request that writes an object only if there is
//! none of its name; a store that does not keep that promise is found out at the start and refused.
//!
//! An answer can be lost: what was asked for may have been done, or may yet be done. Every request can be repeated, but
//! the one that makes a name once, of which the content says who made it (see `checkpoint::log`).
//!
//! * `bridge`: from threads that block to requests that do not.
//! * `fault`: what a failed request means.
//! * `file`: a new object on its way.
//! * `http`: the HTTP client.
//! * `probe`: whether a store keeps its promises.
//! * `s3`, `gcs`, `azure`: the services.
//! * `simulated`: a bucket in memory, for tests.

#[cfg(feature = "azure")]
mod azure;
mod bridge;
mod fault;
mod file;
#[cfg(feature = "gcs")]
mod gcs;
mod http;
mod probe;
#[cfg(feature = "s3")]
mod s3;
pub(super) mod simulated;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{BackoffConfig, Error as Fault, GetOptions, ObjectStore, PutMode, PutPayload, RetryConfig};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::fault::Class;
use self::file::ObjectFile;
use super::location::{Location, Service};
use super::path::parts;
use super::{Created, DurableFile, Entry, Locked, Move, Renamed, Store, join};
use crate::clock;
use crate::error::{Error, Kind, Result};

/// How long a call lasts at most whose requests nobody answers, or that the service is too busy for: all requests of the call, as
/// often as they are repeated, by the client or by us. A file that is sent in parts is a call for each part.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long of that the client repeats a request by itself: after that its last fault is known, which says more than silence.
const CLIENT: Duration = Duration::from_secs(30);
/// Bytes of an object that are read with one request.
const PIECE: u64 = if cfg!(test) { 1 << 10 } else { 64 << 20 };
/// The first and the longest wait before a request is repeated.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(10)];
/// Requests of a call for many files that are on their way at once, and writes of a folder.
const FLYING: usize = 16;

/// Credentials that may have to be fetched anew.
trait Refresh: fmt::Debug + Send + Sync {
    /// Forgets those that the service has refused.
    fn refresh(&self);
}

/// A connected service.
struct Connected {
    store: Arc<dyn ObjectStore>,
    credentials: Option<Arc<dyn Refresh>>,
}

/// Connects to the service of a location, below a folder of its bucket.
pub(super) fn open(location: &Location, base: &str) -> Result<Arc<dyn Store>> {
    let (location, base) = (location.clone(), base.to_owned());
    bridge::run(async move {
        let parts = location.parts()?;
        let connected = match parts.service {
            #[cfg(feature = "s3")]
            Service::S3 => s3::connect(&location, parts.bucket).await?,
            #[cfg(feature = "gcs")]
            Service::Gcs => gcs::connect(&location, parts.bucket)?,
            #[cfg(feature = "azure")]
            Service::Azure => azure::connect(&location, parts.bucket, parts.account)?,
            #[allow(unreachable_patterns)] // with all features on
            _ => return Err(location.wrong("millstream was built without this store")),
        };
        Ok(Arc::new(Folder::new(connected, bucket(&location)?, &base)) as Arc<dyn Store>)
    })
}

/// The URL of the bucket of a location.
fn bucket(location: &Location) -> Result<&str> {
    let (url, path) = (location.url(), location.parts()?.path);
    Ok(url.get(..url.len() - path.len()).unwrap_or(url).trim_end_matches('/'))
}

/// How often the client itself repeats a request; it knows best which of them may be.
#[allow(dead_code)] // without a service
fn retries() -> RetryConfig {
    let [init_backoff, max_backoff] = BACKOFF;
    let backoff = BackoffConfig { init_backoff, max_backoff, base: 2.0 };
    RetryConfig { backoff, max_retries: usize::MAX, retry_timeout: CLIENT }
}

/// A folder of an object store.
#[derive(Clone)]
pub(crate) struct Folder(Arc<Inner>);

struct Inner {
    store: Arc<dyn ObjectStore>,
    credentials: Option<Arc<dyn Refresh>>,
    /// `s3://bucket`.
    bucket: String,
    /// The folder's path in the bucket; empty for the bucket itself.
    base: String,
    writes: Semaphore,
    limits: Limits,
}

/// What tests set otherwise.
#[derive(Clone, Copy)]
struct Limits {
    /// The first wait before a request is repeated.
    backoff: Duration,
    /// See [`PATIENCE`].
    patience: Duration,
    /// Bytes of a part of a large object.
    part: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { backoff: BACKOFF[0], patience: PATIENCE, part: file::PART }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.describe(""))
    }
}

impl Folder {
    fn new(connected: Connected, bucket: &str, base: &str) -> Self {
        Self::with(connected, bucket, base, Limits::default())
    }

    /// As [`new`](Self::new), with other limits.
    fn with(connected: Connected, bucket: &str, base: &str, limits: Limits) -> Self {
        let Connected { store, credentials } = connected;
        let (bucket, base, writes) = (bucket.to_owned(), base.to_owned(), Semaphore::new(FLYING));
        Self(Arc::new(Inner { store, credentials, bucket, base, writes, limits }))
    }

    fn store(&self) -> &dyn ObjectStore {
        self.0.store.as_ref()
    }

    /// Waits for its turn to write; `None` never comes, since the semaphore is never closed.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.0.writes.acquire().await.ok()
    }

    /// The key of an object.
    fn key(&self, path: &str) -> Result<Path> {
        parts(path)?;
        Path::parse(join(&self.0.base, path)).map_err(|error| {
            Error::new(Kind::Config, format!("`{}` cannot be the name of an object: {error}", self.describe(path)))
        })
    }

    fn error(&self, doing: &str, path: &str, fault: &Fault) -> Error {
        fault::error(doing, &self.describe(path), fault)
    }

    /// The time of a call begins.
    fn call(&self) -> Patience {
        Patience { begun: clock::monotonic(), next: self.0.limits.backoff, all: self.0.limits.patience }
    }

    /// Makes a request that does no harm when it is made twice, until there is an answer or the time of the call is over.
    async fn request<T, F, A>(&self, call: &mut Patience, ask: F) -> Result<T, Fault>
    where
        F: Fn() -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let mut refreshed = false;
        loop {
            let fault = match call.of(ask()).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            match (Class::of(&fault), &self.0.credentials) {
                (Class::Expired, Some(credentials)) if !refreshed => {
                    credentials.refresh();
                    refreshed = true;
                }
                (Class::Away, _) if call.pause().await => {}
                _ => return Err(fault),
            }
        }
    }

    /// The length of an object, or `None` if there is none.
    async fn length(&self, call: &mut Patience, key: &Path) -> Result<Option<u64>, Fault> {
        let head = || self.store().get_opts(key, GetOptions { head: true, ..GetOptions::default() });
        found(self.request(call, head).await.map(|found| found.meta.size))
    }

    /// The content of an object. That of a large one is read in pieces, each of which has the time of a call.
    async fn read_key(&self, key: &Path) -> Result<Vec<u8>, Fault> {
        let whole = || async {
            let found = self.store().get_opts(key, GetOptions::default()).await?;
            let meta = found.meta.clone();
            let bytes = if meta.size <= PIECE { Some(found.bytes().await?) } else { None };
            Ok((meta, bytes))
        };
        let (meta, bytes) = self.request(&mut self.call(), whole).await?;
        if let Some(bytes) = bytes {
            return Ok(Vec::from(bytes));
        }
        let mut read = Vec::with_capacity(usize::try_from(meta.size).unwrap_or_default());
        while (read.len() as u64) < meta.size {
            let from = read.len() as u64;
            let piece = || async {
                let range = Some((from..meta.size.min(from + PIECE)).into());
                let same = GetOptions { range, if_match: meta.e_tag.clone(), ..GetOptions::default() };
                self.store().get_opts(key, same).await?.bytes().await
            };
            let piece = self.request(&mut self.call(), piece).await?;
            // It would never end.
            if piece.is_empty() {
                break;
            }
            read.extend_from_slice(&piece);
        }
        Ok(read)
    }

    /// Makes an object unless there is one of its name. Whoever asks for one that is there has to look whose it is.
    async fn create(&self, path: &str, key: &Path, payload: PutPayload) -> Result<Created> {
        let mut call = self.call();
        loop {
            let put = || self.store().put_opts(key, payload.clone(), PutMode::Create.into());
            let Err(fault) = call.of(put()).await else { return Ok(Created::Created) };
            match Class::of(&fault) {
                // The service also says that a name is taken when somebody else is about to take it, and may then fail;
                // and the object may be there although nobody has answered.
                Class::Away if call.left().is_zero() => {
                    return Ok(Created::Unknown(self.error("creating", path, &fault)));
                }
                Class::Taken | Class::Away => match self.length(&mut call, key).await {
                    Ok(Some(_)) => return Ok(Created::Exists),
                    Ok(None) if call.pause().await => {}
                    Ok(None) | Err(_) => return Ok(Created::Unknown(self.error("creating", path, &fault))),
                },
                Class::Expired if call.pause().await => {
                    if let Some(credentials) = &self.0.credentials {
                        credentials.refresh();
                    }
                }
                _ => return Err(self.error("creating", path, &fault)),
            }
        }
    }

    async fn remove_key(&self, call: &mut Patience, key: &Path) -> Result<(), Fault> {
        let delete = || async {
            let keys = stream::once(std::future::ready(Ok(key.clone()))).boxed();
            self.store().delete_stream(keys).try_for_each(|_| std::future::ready(Ok(()))).await
        };
        found(self.request(call, delete).await).map(drop)
    }

    /// Makes a request for each path, several at a time; the answers come in the order of the paths. `doing` is for errors.
    fn for_each<T, A>(
        &self,
        paths: &[String],
        doing: &'static str,
        request: impl Fn(Self, Path) -> A + Send + Sync + 'static,
    ) -> Result<Vec<T>>
    where
        T: Send + 'static,
        A: Future<Output = Result<T, Fault>> + Send,
    {
        let (folder, paths) = (self.clone(), paths.to_vec());
        bridge::run(async move {
            let one = |path: String| {
                let answer = folder.key(&path).map(|key| request(folder.clone(), key));
                let folder = folder.clone();
                async move { answer?.await.map_err(|fault| folder.error(doing, &path, &fault)) }
            };
            stream::iter(paths).map(one).buffered(FLYING).try_collect().await
        })
    }

    /// Copies an object to its new name, sees that it is there, and deletes the old one.
    async fn rename(&self, one: &Move) -> Result<Renamed> {
        let Move { from, to, len } = one;
        let (old, new) = (self.key(from)?, self.key(to)?);
        let call = &mut self.call();
        if self.length(call, &new).await.map_err(|fault| self.error("looking at", to, &fault))?.is_some() {
            return Ok(Renamed::TargetExists);
        }
        let copy = || self.store().copy_opts(&old, &new, object_store::CopyOptions::default());
        if found(self.request(call, copy).await).map_err(|fault| self.error("copying to", to, &fault))?.is_none() {
            return Ok(Renamed::SourceMissing);
        }
        let found = self.length(call, &new).await.map_err(|fault| self.error("looking at", to, &fault))?;
        if found != Some(*len) {
            let (from, to) = (self.describe(from), self.describe(to));
            return Err(Error::new(
                Kind::Io,
                format!("`{to}` is not a copy of `{from}`: {found:?} bytes, and not {len}"),
            )
            .help("see what the service says; the next start copies it again if it is deleted"));
        }
        self.remove_key(call, &old).await.map_err(|fault| self.error("removing", from, &fault))?;
        Ok(Renamed::Done)
    }
}

/// Nothing of this name is no fault.
fn found<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if Class::of(&fault) == Class::Missing => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The time that a call has, and the waits between the repetitions of its requests, which become longer.
struct Patience {
    begun: std::time::Instant,
    next: Duration,
    all: Duration,
}

impl Patience {
    /// Waits for the answer of a request, as long as there is time.
    async fn of<T>(&self, request: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        clock::within(self.left(), request).await.unwrap_or_else(|| Err(fault::late(self.all)))
    }

    /// Waits between two attempts; `false` if there was enough of it.
    async fn pause(&mut self) -> bool {
        let left = self.left();
        if left.is_zero() {
            return false;
        }
        // The wait between two attempts, doubled each time.
        clock::sleep(self.next.min(left)).await;
        self.next = (self.next * 2).min(BACKOFF[1]);
        // A request that has no time would be sent, and nobody would see what came of it.
        !self.left().is_zero()
    }

    fn left(&self) -> Duration {
        self.all.saturating_sub(clock::since(self.begun))
    }
}

impl Store for Folder {
    fn describe(&self, path: &str) -> String {
        join(&self.0.bucket, &join(&self.0.base, path))
    }

    fn create_only(&self, path: &str, bytes: &[u8]) -> Result<Created> {
        let (folder, path, key) = (self.clone(), path.to_owned(), self.key(path)?);
        let payload = PutPayload::from(bytes.to_vec());
        bridge::run(async move { folder.create(&path, &key, payload).await })
    }

    fn write_new_file(&self, path: &str) -> Result<Box<dyn DurableFile>> {
        Ok(Box::new(ObjectFile::new(self.clone(), self.key(path)?, self.describe(path))))
    }

    fn sync_files(&self, mut files: Vec<Box<dyn DurableFile>>) -> Result<()> {
        files.iter_mut().for_each(|file| file.begin_sync());
        files.into_iter().try_for_each(DurableFile::sync_and_close)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let (folder, path, key) = (self.clone(), path.to_owned(), self.key(path)?);
        bridge::run(async move {
            let read = found(folder.read_key(&key).await);
            read.map_err(|fault| folder.error("reading", &path, &fault))
        })
    }

    fn len(&self, path: &str) -> Result<Option<u64>> {
        Ok(self.lens(&[path.to_owned()])?.pop().flatten())
    }

    fn lens(&self, paths: &[String]) -> Result<Vec<Option<u64>>> {
        self.for_each(paths, "looking at", |folder, key| async move { folder.length(&mut folder.call(), &key).await })
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        let (folder, path, key) = (self.clone(), dir.to_owned(), self.key(dir)?);
        bridge::run(async move {
            let prefix = (!key.as_ref().is_empty()).then_some(&key);
            let list = || folder.store().list_with_delimiter(prefix);
            let listed = folder
                .request(&mut folder.call(), list)
                .await
                .map_err(|fault| folder.error("listing", &path, &fault))?;
            let dirs = listed.common_prefixes.iter().map(|prefix| (prefix, true));
            // Some services and tools show a folder as an object of its name.
            let objects = listed.objects.iter().filter(|object| object.location != key);
            let files = objects.map(|object| (&object.location, false));
            let entry = |(path, is_dir): (&Path, bool)| Some(Entry { name: path.filename()?.to_owned(), is_dir });
            let mut entries: Vec<Entry> = dirs.chain(files).filter_map(entry).collect();
            entries.sort_unstable();
            Ok(entries)
        })
    }

    fn rename_no_replace(&self, from: &str, to: &str) -> Result<Renamed> {
        let Some(len) = self.len(from)? else { return Ok(Renamed::SourceMissing) };
        let one = Move { from: from.to_owned(), to: to.to_owned(), len };
        let folder = self.clone();
        bridge::run(async move { folder.rename(&one).await })
    }

    fn rename_many(&self, moves: &[Move]) -> Vec<Result<Renamed>> {
        let (folder, moves) = (self.clone(), moves.to_vec());
        let renamed = bridge::run(async move {
            let one = |one: Move| {
                let folder = folder.clone();
                async move { folder.rename(&one).await }
            };
            Ok(stream::iter(moves).map(one).buffered(FLYING).collect().await)
        });
        renamed.unwrap_or_else(|error| vec![Err(error)])
    }

    fn remove(&self, path: &str) -> Result<bool> {
        // The services do not say whether it was there.
        self.remove_many(&[path.to_owned()]).map(|()| true)
    }

    fn remove_many(&self, paths: &[String]) -> Result<()> {
        self.for_each(paths, "removing", |folder, key| async move { folder.remove_key(&mut folder.call(), &key).await })
            .map(drop)
    }

    fn remove_empty_dir(&self, _: &str) -> Result<bool> {
        Ok(true)
    }

    fn create_dirs(&self, dir: &str) -> Result<()> {
        self.key(dir).map(drop)
    }

    fn sync_dir(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn same_filesystem(&self, _: &str, _: &str) -> Result<bool> {
        Ok(true)
    }

    fn probe(&self, dir: &str) -> Result<()> {
        probe::probe(self, dir)
    }

    fn lock(&self, _: &str, _: &str) -> Result<Locked> {
        Ok(Locked::Unsupported)
    }
}
