#[cfg(feature = "s3")]
mod encrypted;
mod patience;
#[cfg(feature = "s3")]
mod tls;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStoreExt, PutMultipartOptions, PutOptions,
    PutResult,
};

use super::simulated::{busy, conflict, died, generic, lost};
use super::*;
use crate::secret::Secret;

/// What happens to one of the requests that are made to a [`Flaky`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The process dies instead of making it.
    DeathBefore,
    /// The process dies before the answer comes.
    DeathAfter,
    /// The service is busy, and has done nothing.
    Busy,
    /// The connection is lost before the request is read.
    Lost,
    /// The request is carried out, and its answer is lost.
    AnswerLost,
    /// Somebody else is about to make that name, and will fail.
    Conflict,
}

/// An object store in memory with trouble.
#[derive(Debug, Clone)]
pub(crate) struct Flaky {
    pub(crate) memory: Arc<InMemory>,
    trouble: Option<(Trouble, u64)>,
    life: Arc<Life>,
}

#[derive(Debug, Default)]
struct Life {
    requests: AtomicU64,
    dead: AtomicBool,
    happened: AtomicBool,
    /// Whether listings do not show what was made last.
    lags: AtomicBool,
    made: Mutex<Vec<Path>>,
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

impl Flaky {
    pub(crate) fn new(memory: &Arc<InMemory>, trouble: Option<(Trouble, u64)>) -> Self {
        Self { memory: Arc::clone(memory), trouble, life: Arc::default() }
    }

    pub(crate) fn store(&self, base: &str) -> Arc<dyn Store> {
        let connected = Connected { store: Arc::new(self.clone()), credentials: None };
        Arc::new(Folder::new(connected, "test://bucket", base))
    }

    pub(crate) fn dead(&self) -> bool {
        self.life.dead.load(Ordering::SeqCst)
    }

    pub(crate) fn happened(&self) -> bool {
        self.life.happened.load(Ordering::SeqCst)
    }

    pub(crate) fn lag(&self) {
        self.life.lags.store(true, Ordering::SeqCst);
    }

    async fn request<T>(
        &self,
        creates: bool,
        ask: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        if self.dead() {
            return Err(died());
        }
        let number = self.life.requests.fetch_add(1, Ordering::SeqCst);
        let Some((trouble, _)) = self.trouble.filter(|(_, at)| *at == number) else { return ask.await };
        self.life.happened.store(true, Ordering::SeqCst);
        match trouble {
            Trouble::DeathBefore => {
                self.life.dead.store(true, Ordering::SeqCst);
                Err(died())
            }
            Trouble::DeathAfter => {
                ask.await.ok();
                self.life.dead.store(true, Ordering::SeqCst);
                Err(died())
            }
            Trouble::Busy => Err(busy()),
            Trouble::Lost => Err(lost()),
            Trouble::AnswerLost => {
                ask.await.ok();
                Err(lost())
            }
            Trouble::Conflict if creates => Err(conflict()),
            Trouble::Conflict => ask.await,
        }
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        let creates = options.mode == PutMode::Create;
        self.life.made.lock().unwrap().push(path.clone());
        self.request(creates, self.memory.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.request(false, self.memory.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.request(false, self.memory.get_opts(path, options)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let store = self.clone();
        let one = move |path: object_store::Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                store.request(false, store.memory.delete(&path)).await?;
                Ok(path)
            }
        };
        paths.then(one).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        unreachable!("a folder is listed with its delimiter")
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let mut listed = self.request(false, self.memory.list_with_delimiter(prefix)).await?;
        if self.life.lags.load(Ordering::SeqCst) {
            let made = self.life.made.lock().unwrap();
            listed.objects.retain(|object| !made.contains(&object.location));
        }
        for object in listed.objects.iter_mut().filter(|object| object.location.as_ref().contains("dead")) {
            object.last_modified -= Duration::from_secs(7200);
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.request(false, self.memory.copy_opts(from, to, options)).await
    }
}

/// The objects below a folder, by their whole names.
pub(crate) fn objects(memory: &Arc<InMemory>, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let (memory, prefix) = (Arc::clone(memory), Path::from(prefix));
    let objects = async move {
        let listed: Vec<ObjectMeta> = memory.list(Some(&prefix)).try_collect().await.unwrap();
        let mut objects = BTreeMap::new();
        for object in listed {
            let bytes = memory.get(&object.location).await.unwrap().bytes().await.unwrap();
            objects.insert(object.location.to_string(), bytes.to_vec());
        }
        objects
    };
    bridge::spawn(objects).unwrap().wait().unwrap()
}

fn memory() -> Arc<InMemory> {
    Arc::new(InMemory::new())
}

fn put(store: &dyn Store, path: &str, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut file = store.write_new_file(path)?;
    file.write_all(bytes).map_err(|error| Error::io("writing", error))?;
    file.sync_and_close()
}

#[test]
fn a_name_is_made_once_and_a_rename_replaces_nothing() {
    let memory = memory();
    let store = Flaky::new(&memory, None).store("a/b");
    assert!(matches!(store.create_only("log/1", b"one").unwrap(), Created::Created));
    assert!(matches!(store.create_only("log/1", b"two").unwrap(), Created::Exists));
    assert_eq!(store.read("log/1").unwrap().unwrap(), b"one");
    assert_eq!((store.read("log/2").unwrap(), store.len("log/1").unwrap()), (None, Some(3)));
    put(store.as_ref(), "x/country=a%2Fb/1", b"x").unwrap();
    put(store.as_ref(), "y", b"yy").unwrap();
    assert_eq!(store.rename_no_replace("x/country=a%2Fb/1", "y").unwrap(), Renamed::TargetExists);
    assert_eq!(store.rename_no_replace("z", "w").unwrap(), Renamed::SourceMissing);
    assert_eq!(store.rename_no_replace("x/country=a%2Fb/1", "w/country=a%2Fb/1").unwrap(), Renamed::Done);
    let names: Vec<String> = objects(&memory, "").into_keys().collect();
    assert_eq!(names, ["a/b/log/1", "a/b/w/country=a%2Fb/1", "a/b/y"], "names are taken as they are");
    let dir = |name: &str| Entry { name: name.to_owned(), is_dir: true };
    assert_eq!(store.list("").unwrap(), [dir("log"), dir("w"), Entry { name: "y".to_owned(), is_dir: false }]);
    assert_eq!(store.list("no/such").unwrap(), []);
    assert_eq!(store.describe("log/1"), "test://bucket/a/b/log/1");
    for path in ["..", "../x", "a//b", "./a", "/etc"] {
        assert!(store.read(path).is_err(), "{path:?}");
    }
    store.remove_many(&["log/1".to_owned(), "never/was".to_owned()]).unwrap();
    assert_eq!(store.lens(&["log/1".to_owned(), "y".to_owned()]).unwrap(), [None, Some(2)]);
}

#[test]
fn f_082_a_copy_that_is_not_whole_is_not_taken_for_the_file() {
    let memory = memory();
    let store = Flaky::new(&memory, None).store("");
    put(store.as_ref(), "x", b"half").unwrap();
    let one = Move { from: "x".to_owned(), to: "y".to_owned(), len: 8 };
    let error = store.rename_many(&[one]).pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(store.exists("x").unwrap(), "{error}");
}

#[test]
fn f_080_a_large_file_is_sent_in_parts() {
    let memory = memory();
    let store = Flaky::new(&memory, None).store("");
    let bytes: Vec<u8> = (0..20 << 20).map(|n: u32| (n ^ (n >> 7)) as u8).collect();
    put(store.as_ref(), "large", &bytes).unwrap();
    assert!(store.read("large").unwrap().unwrap() == bytes);
    drop(store.write_new_file("never"));
    assert_eq!(objects(&memory, "").len(), 1);
}

/// Every request of some calls is met by every trouble but death, and the calls do what they promise.
#[test]
fn f_075_076_077_trouble_passes() {
    let troubles = [Trouble::Busy, Trouble::Lost, Trouble::AnswerLost, Trouble::Conflict];
    let mut met = 0;
    for trouble in troubles {
        for at in 0.. {
            let memory = memory();
            let flaky = Flaky::new(&memory, Some((trouble, at)));
            let store = flaky.store("");
            // Whether it says that it made it or that it is there: the content says whose it is.
            assert!(!matches!(store.create_only("slot", b"mine").unwrap(), Created::Unknown(_)));
            assert_eq!(store.read("slot").unwrap().unwrap(), b"mine");
            put(store.as_ref(), "x", b"x").unwrap();
            let renamed = store.rename_no_replace("x", "y").unwrap();
            assert_eq!((renamed, store.list("").unwrap().len()), (Renamed::Done, 2), "{trouble:?} at {at}");
            store.remove("y").unwrap();
            assert_eq!(objects(&memory, "").into_keys().collect::<Vec<_>>(), ["slot"]);
            if !flaky.happened() {
                break;
            }
            met += 1;
        }
    }
    assert!(met > 30, "{met}");
}

/// A store that overwrites what it was asked to create, or that looks first and writes then.
#[derive(Debug)]
struct Careless(Arc<InMemory>, bool);

impl fmt::Display for Careless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Careless")
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        if self.1 && options.mode == PutMode::Create {
            if self.0.head(path).await.is_ok() {
                return self.0.put_opts(path, payload, options).await;
            }
            // A slow answer: others have time to be first.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.0.put_opts(path, payload, PutMode::Overwrite.into()).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[test]
fn f_078_a_store_that_cannot_fence_is_refused() {
    for (looks_first, words) in [(false, "it overwrites an object"), (true, "of 4 writers create one object")] {
        let memory = memory();
        let connected = Connected { store: Arc::new(Careless(Arc::clone(&memory), looks_first)), credentials: None };
        let error = Folder::new(connected, "test://bucket", "ckpt").probe("").unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("If-None-Match"), "{error}");
        assert!(objects(&memory, "").is_empty(), "nothing is left behind");
    }
    let memory = memory();
    let store = Flaky::new(&memory, None).store("");
    for name in ["dir/.probe-dead-a", "dir/.probe-running-a", "dir/dead"] {
        put(store.as_ref(), name, b"").unwrap();
    }
    store.probe("dir").unwrap();
    let left: Vec<String> = objects(&memory, "").into_keys().collect();
    assert_eq!(left, ["dir/.probe-running-a", "dir/dead"], "what a dead process left goes, and nothing else");
}

/// A start deletes what others left: not the probe of an instance that starts at the same time.
#[test]
fn a_probe_is_not_disturbed_by_other_starts() {
    let memory = memory();
    let store = Flaky::new(&memory, None).store("");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let others = store.list("dir").unwrap().into_iter().filter(|entry| entry.name.starts_with(".tmp-"));
                others.for_each(|entry| assert!(store.remove(&join("dir", &entry.name)).unwrap()));
            }
        });
        let probed: Vec<Result<()>> = (0..100).map(|_| store.probe("dir")).collect();
        done.store(true, Ordering::SeqCst);
        probed.into_iter().for_each(|probed| probed.unwrap());
    });
}

#[test]
fn what_a_service_says_is_told_without_what_was_signed() {
    let answer = "Error performing PUT http://127.0.0.1/x in 3ms - Server returned non-2xx status code: 403 Forbidden: \
         <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>The request signature does not match\
         </Message><StringToSign>AWS4-HMAC-SHA256 canary</StringToSign></Error>";
    let fault = Fault::PermissionDenied { path: "x".into(), source: answer.into() };
    let error = fault::error("writing", "s3://bucket/x", &fault);
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("`s3://bucket/x`: SignatureDoesNotMatch: The request"), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error}");
    for (text, class) in [
        ("status code: 400 Bad Request: <Error><Code>ExpiredToken</Code></Error>", Class::Expired),
        ("status code: 400 Bad Request: <Error><Code>RequestTimeout</Code></Error>", Class::Away),
        ("status code: 503 Service Unavailable", Class::Away),
        ("status code: 501 Not Implemented", Class::Other),
        ("status code: 429 Too Many Requests", Class::Away),
        ("status code: 400 Bad Request", Class::Other),
    ] {
        assert_eq!(Class::of(&generic(text.into())), class, "{text}");
    }
    assert_eq!(Class::of(&lost()), Class::Away);
    let untrusted = generic(Box::new(HttpError::new(HttpErrorKind::Unknown, std::io::Error::other("certificate"))));
    assert_eq!(Class::of(&untrusted), Class::Untrusted);
    let fault =
        generic("Received redirect without LOCATION, this normally indicates an incorrectly configured region".into());
    assert!(fault::error("reading", "s3://bucket/x", &fault).to_string().contains("AWS_REGION"));
}

#[test]
fn locations_are_checked_without_the_service() {
    let refuse = |location: Location, words: &str| {
        let error = location.check().unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(words), "{error}");
    };
    let secret = || Secret::from("canary".to_owned());
    refuse(Location::at("ftp://host/x"), "no place that millstream knows");
    refuse(Location::at("s3://"), "names no bucket");
    refuse(Location::at("s3://../a"), "names no bucket");
    refuse(Location::at("s3://."), "names no bucket");
    refuse(Location::at("s3://bucket/a//b"), "every part");
    refuse(Location::at("s3://bucket/../b"), "every part");
    refuse(Location::at("abfss://container/x"), "names no account");
    refuse(Location::at("gs://bucket/x").region("eu-west-1"), "`region` is for `s3://`");
    refuse(Location::at("s3://bucket/x").access_key(secret()), "only one of access_key and secret_key");
    refuse(Location::at("s3://bucket/x").session_token(secret()), "without access_key");
    refuse(Location::at("s3://bucket/x").endpoint("localhost:9000"), "is no URL");
    refuse(Location::at("s3://bucket/x").endpoint("http://10.0.0.1:9000"), "in the clear");
    refuse(Location::at("s3://bucket/x").endpoint("http://127.0.0.1.example.org"), "in the clear");
    let error = Location::at("s3://AKIA:canary@bucket/x").check().unwrap_err();
    assert!(error.to_string().contains("do not belong into a URL") && !error.to_string().contains("canary"), "{error}");
    for endpoint in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/", "https://s3.example.org"] {
        Location::at("s3://bucket/x").endpoint(endpoint).check().unwrap();
    }
    Location::at("s3://bucket").endpoint("http://10.0.0.1:9000").allow_http(true).check().unwrap();
    let parts = Location::at("abfss://box@name.dfs.core.windows.net/a/b/");
    let parts = parts.parts().unwrap();
    assert_eq!((parts.bucket, parts.account, parts.path), ("box", Some("name"), "a/b"));
    let location = Location::at("s3://bucket/x").access_key(secret()).secret_key(secret());
    assert!(!format!("{location:?}").contains("canary"));
}
