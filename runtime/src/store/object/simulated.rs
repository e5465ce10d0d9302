//! A bucket in memory, as a simulated process has it: each request that changes something is a call at which the process
//! can die. In a storm requests fail: the service is busy, a connection is lost before the request or after it was carried
//! out, a name is about to be taken by somebody else, a listing does not show an object.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as Fault, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::{Connected, Folder, PATIENCE, bucket};
use crate::Result;
use crate::store::simulated::{Died, Fate, Life, Process};
use crate::store::{Location, Store};

/// The store of a simulated bucket, below a folder of it.
pub(in crate::store) fn open(location: &Location, process: &Process, base: &str) -> Result<Arc<dyn Store>> {
    let name = bucket(location)?;
    let simulated = Bucket { memory: process.bucket(name), life: Arc::clone(process.life()), name: name.to_owned() };
    let connected = Connected { store: Arc::new(simulated), credentials: None };
    // It is not the less busy for being waited for.
    Ok(Arc::new(Folder::with_times(connected, name, base, (Duration::ZERO, PATIENCE))))
}

#[derive(Debug, Clone)]
struct Bucket {
    memory: Arc<InMemory>,
    life: Arc<Life>,
    name: String,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated {}", self.name)
    }
}

impl From<Died> for Fault {
    fn from(_: Died) -> Self {
        died()
    }
}

impl Bucket {
    /// A request that changes something.
    async fn change<T>(
        &self,
        what: &str,
        path: &Path,
        ask: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        let fate = self.life.enter(|| format!("{what} {}/{path}", self.name))?;
        if fate == Fate::Late {
            self.life.thawed().await;
        }
        let answer = match self.life.storm(SIDES) {
            Some(0) => Err(busy()),
            Some(1) => Err(lost()),
            Some(2) => ask.await.and_then(|_| Err(lost())),
            Some(3) if what == CREATE => Err(conflict()),
            _ => ask.await,
        };
        if matches!(fate, Fate::Made | Fate::Late) {
            return answer;
        }
        self.life.die();
        Err(Died.into())
    }

    /// A request that changes nothing.
    async fn look<T>(&self, ask: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        self.life.alive()?;
        match self.life.storm(SIDES) {
            Some(0) => Err(busy()),
            Some(1) => Err(lost()),
            _ => ask.await,
        }
    }
}

/// Of so many requests in a storm each trouble happens to one.
const SIDES: u64 = 16;

/// Making an object only if there is none of its name.
const CREATE: &str = "create";

pub(super) fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> Fault {
    Fault::Generic { store: "simulated", source }
}

/// The service is busy, and has done nothing.
pub(super) fn busy() -> Fault {
    generic("status code: 503 Service Unavailable: <Code>SlowDown</Code>".into())
}

/// The connection is lost.
pub(super) fn lost() -> Fault {
    generic(Box::new(HttpError::new(HttpErrorKind::Interrupted, std::io::Error::other("connection reset"))))
}

/// Somebody else is about to make that name.
pub(super) fn conflict() -> Fault {
    Fault::AlreadyExists { path: "slot".into(), source: "status code: 409 Conflict".into() }
}

/// The process is dead.
pub(super) fn died() -> Fault {
    generic(Box::new(Died))
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        let what = if options.mode == PutMode::Create { CREATE } else { "put" };
        self.change(what, path, self.memory.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.change("begin", path, self.memory.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.look(self.memory.get_opts(path, options)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let bucket = self.clone();
        let one = move |path: object_store::Result<Path>| {
            let bucket = bucket.clone();
            async move {
                let path = path?;
                bucket.change("delete", &path, bucket.memory.delete(&path)).await?;
                Ok(path)
            }
        };
        paths.then(one).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let mut listed = self.look(self.memory.list_with_delimiter(prefix)).await?;
        if self.life.storm(2) == Some(0) {
            // What was made last may not be in it.
            listed.objects.pop();
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.change("copy to", to, self.memory.copy_opts(from, to, options)).await
    }
}
