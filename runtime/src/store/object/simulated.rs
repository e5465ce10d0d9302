//! A bucket in memory, as a simulated process has it: each request that changes something is a call at which the process
//! can die. In a storm requests fail: the service is busy, a connection is lost before the request or after it was carried
//! out, a name is about to be taken by somebody else, a listing does not show an object.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as Fault, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};
use tokio::sync::oneshot;

use super::{Connected, Folder, Limits, bucket};
use crate::Result;
use crate::store::simulated::{Died, Fate, Life, Process, Trouble, Weather};
use crate::store::{Location, Store};
use crate::thread::Seat;

/// The store of a simulated bucket, below a folder of it.
pub(in crate::store) fn open(location: &Location, process: &Process, base: &str) -> Result<Arc<dyn Store>> {
    let name = bucket(location)?;
    let simulated = Bucket { memory: process.bucket(name), life: Arc::clone(process.life()), name: name.to_owned() };
    let connected = Connected { store: Arc::new(simulated), credentials: None };
    let mut limits = Limits::default();
    limits.part = process.scale().part.unwrap_or(limits.part);
    Ok(Arc::new(Folder::with(connected, name, base, limits)))
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
    async fn change<T: Send + 'static>(
        &self,
        what: &str,
        path: &Path,
        ask: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> object_store::Result<T> {
        let fate = self.life.enter(|| format!("{what} {}/{path}", self.name))?;
        if fate == Fate::Late {
            self.life.thawed().await;
        }
        let answer = match (self.life.weather(), Seat::current()) {
            (Some(weather), Some(seat)) => {
                let answer = send(&seat, weather, what, ask);
                if fate != Fate::Made {
                    self.life.die();
                }
                answer.await
            }
            _ => ask.await,
        };
        if matches!(fate, Fate::Made | Fate::Late) {
            // It may have died over another call meanwhile.
            self.life.alive()?;
            return answer;
        }
        self.life.die();
        Err(Died.into())
    }

    /// A request that changes nothing.
    async fn look<T>(&self, ask: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        self.life.alive()?;
        let (Some(weather), Some(seat)) = (self.life.weather(), Seat::current()) else { return ask.await };
        seat.sleep(weather.on_its_way()).await;
        let answer = match weather.trouble(false) {
            Some(Trouble::Busy) => Err(busy()),
            Some(Trouble::Lost) => Err(lost()),
            _ => ask.await,
        };
        seat.sleep(weather.on_its_way()).await;
        self.life.alive()?;
        answer
    }
}

/// Sends a request to a service in a storm: it gets there, or not, whatever becomes of the process. Gives the answer.
fn send<T: Send + 'static, A: Future<Output = object_store::Result<T>> + Send + 'static>(
    seat: &Seat,
    weather: &Weather,
    what: &str,
    ask: A,
) -> impl Future<Output = A::Output> + use<T, A> {
    let (mut way, back) = (weather.on_its_way(), weather.on_its_way());
    let trouble = match weather.trouble(what == CREATE) {
        // The client of a service repeats these itself until they get through. If a completion was not answered, it is told
        // then that there is no such upload.
        Some(trouble) if [PART, COMPLETE].contains(&what) => {
            way += weather.late();
            (what == COMPLETE && trouble == Trouble::Unanswered).then_some(trouble)
        }
        trouble => trouble,
    };
    if trouble == Some(Trouble::Late) {
        way += weather.late();
    }
    let (done, carried_out) = oneshot::channel();
    if matches!(trouble, None | Some(Trouble::Unanswered | Trouble::Late)) {
        let arrival = seat.sleep(way);
        seat.start(async move {
            arrival.await;
            // Nobody may wait for the answer any more.
            done.send(ask.await).ok();
        });
    }
    let seat = seat.clone();
    async move {
        let answer = match trouble {
            None => carried_out.await.unwrap_or_else(|_| Err(lost())),
            Some(Trouble::Unanswered) => carried_out.await.map_or_else(|_| Err(lost()), |_| Err(lost())),
            Some(Trouble::Busy) => Err(busy()),
            Some(Trouble::Lost | Trouble::Late) => Err(lost()),
            Some(Trouble::Conflict) => Err(conflict()),
        };
        seat.sleep(back).await;
        answer
    }
}

/// Writing a part of an object, and making it of its parts.
const PART: &str = "put a part of";
const COMPLETE: &str = "complete";

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

/// An object that is put in parts.
#[derive(Debug)]
struct Upload {
    bucket: Bucket,
    path: Path,
    /// Those that have arrived.
    parts: Vec<Arc<OnceLock<PutPayload>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let (bucket, path, part) = (self.bucket.clone(), self.path.clone(), Arc::new(OnceLock::new()));
        self.parts.push(Arc::clone(&part));
        let arrives = async move {
            part.get_or_init(|| payload);
            Ok(())
        };
        Box::pin(async move { bucket.change(PART, &path, arrives).await })
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let parts: Option<Vec<PutPayload>> = self.parts.iter().map(|part| part.get().cloned()).collect();
        let parts = parts.ok_or_else(|| generic("a part is missing".into()))?;
        let whole: PutPayload = parts.iter().flatten().cloned().collect();
        let (memory, path) = (Arc::clone(&self.bucket.memory), self.path.clone());
        self.bucket.change(COMPLETE, &self.path, async move { memory.put(&path, whole).await }).await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.bucket.change("abort", &self.path, std::future::ready(Ok(()))).await
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        let what = if options.mode == PutMode::Create { CREATE } else { "put" };
        let (memory, to) = (Arc::clone(&self.memory), path.clone());
        self.change(what, path, async move { memory.put_opts(&to, payload, options).await }).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.change("begin", path, std::future::ready(Ok(()))).await?;
        Ok(Box::new(Upload { bucket: self.clone(), path: path.clone(), parts: Vec::new() }))
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
                let (memory, gone) = (Arc::clone(&bucket.memory), path.clone());
                bucket.change("delete", &path, async move { memory.delete(&gone).await }).await?;
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
        if self.life.weather().is_some_and(Weather::lags) {
            // What was made last may not be in it.
            listed.objects.pop();
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        let (memory, of, name) = (Arc::clone(&self.memory), from.clone(), to.clone());
        self.change("copy to", to, async move { memory.copy_opts(&of, &name, options).await }).await
    }
}
