//! Services that do not answer.

use std::io::Write as _;
use std::time::Instant;

use super::*;

const PATIENT: Duration = Duration::from_millis(400);

/// What the service does instead.
#[derive(Debug, Clone, Copy)]
enum Away {
    /// It says nothing, ever.
    Silent,
    /// It is too busy, as a client says that has repeated the request for a while itself.
    Busy,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Away")
    }
}

impl Away {
    async fn answer<T>(self) -> object_store::Result<T> {
        match self {
            Self::Silent => std::future::pending().await,
            Self::Busy => {
                // Most of the time that a call has.
                tokio::time::sleep(PATIENT * 3 / 4).await;
                Err(busy())
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Away {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        self.answer().await
    }
    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.answer().await
    }
    async fn get_opts(&self, _: &Path, _: GetOptions) -> object_store::Result<GetResult> {
        self.answer().await
    }
    fn delete_stream(
        &self,
        _: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let own = *self;
        stream::once(async move { own.answer().await }).boxed()
    }
    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let own = *self;
        stream::once(async move { own.answer().await }).boxed()
    }
    async fn list_with_delimiter(&self, _: Option<&Path>) -> object_store::Result<ListResult> {
        self.answer().await
    }
    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        self.answer().await
    }
}

/// However often the client repeats a request, and however many requests a call makes: it has one budget of time.
#[test]
fn f_075_a_call_has_one_budget_of_time() {
    for away in [Away::Silent, Away::Busy] {
        let connected = Connected { store: Arc::new(away), credentials: None };
        let store = {
            let limits = Limits { backoff: Duration::from_millis(5), patience: PATIENT, ..Limits::default() };
            Folder::with(connected, "test://bucket", "", limits)
        };
        let timed = |what: &str, call: &dyn Fn() -> Error| {
            let begun = Instant::now();
            let (error, took) = (call(), begun.elapsed());
            assert_eq!(error.kind(), Kind::Unavailable, "{away:?}, {what}: {error}");
            // Half of what two budgets would be, and some time for a busy machine.
            assert!(took >= PATIENT * 9 / 10 && took < PATIENT * 7 / 4, "{away:?}, {what}: {took:?}");
        };
        timed("create", &|| match store.create_only("slot", b"x") {
            Ok(Created::Unknown(error)) => error,
            other => panic!("{other:?}"),
        });
        timed("read", &|| store.read("x").unwrap_err());
        timed("look", &|| store.lens(&["x".to_owned(), "y".to_owned()]).unwrap_err());
        timed("list", &|| store.list("").unwrap_err());
        timed("remove", &|| store.remove_many(&["x".to_owned()]).unwrap_err());
        timed("move", &|| {
            let one = Move { from: "x".to_owned(), to: "y".to_owned(), len: 1 };
            store.rename_many(&[one]).pop().unwrap().unwrap_err()
        });
        timed("write", &|| {
            let mut file = store.write_new_file("x").unwrap();
            file.write_all(b"x").unwrap();
            file.sync_and_close().unwrap_err()
        });
    }
}
