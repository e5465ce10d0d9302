//! A bucket in memory, as a simulated process has it: each request that changes something is a call at which the process
//! can die.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as Fault, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::{Connected, Folder, bucket};
use crate::Result;
use crate::store::simulated::{Died, Fate, Life, Process};
use crate::store::{Location, Store};

/// The store of a simulated bucket, below a folder of it.
pub(in crate::store) fn open(location: &Location, process: &Process, base: &str) -> Result<Arc<dyn Store>> {
    let name = bucket(location)?;
    let simulated = Bucket { memory: process.bucket(name), life: Arc::clone(process.life()), name: name.to_owned() };
    let connected = Connected { store: Arc::new(simulated), credentials: None };
    Ok(Arc::new(Folder::new(connected, name, base)))
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
    fn from(died: Died) -> Self {
        Self::Generic { store: "simulated", source: Box::new(died) }
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
        let answer = ask.await;
        if fate == Fate::Made {
            return answer;
        }
        self.life.die();
        Err(Died.into())
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.change("put", path, self.memory.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.change("begin", path, self.memory.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.life.alive()?;
        self.memory.get_opts(path, options).await
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
        self.life.alive()?;
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.change("copy to", to, self.memory.copy_opts(from, to, options)).await
    }
}
