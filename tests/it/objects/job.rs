//! A pipeline on an object store, its processes, and what should come out of it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream::checkpoint::{Log, Record};
use millstream::store::{Durability, Entry, Place, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::proxy::Proxy;
use super::server::BUCKET;
use super::service::Service;
use crate::crash::input::Input;
use crate::process::Running;

/// Longer than any start or epoch takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(180);

/// What is where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    Bucket,
    OutputOnDisk,
    CheckpointOnDisk,
}

/// How a process is started.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) workers: u64,
    pub(super) epoch_rows: u64,
    pub(super) follow: bool,
    /// Another key than the right one.
    pub(super) secret: Option<&'static str>,
}

impl Default for Start {
    fn default() -> Self {
        Self { workers: 2, epoch_rows: 60, follow: false, secret: None }
    }
}

pub(super) struct Job {
    pub(super) proxy: Proxy,
    folder: TempDir,
    mode: &'static str,
    places: Places,
    /// The part of the bucket that is this job's.
    prefix: String,
    service: Service,
    input: Input,
    /// The checkpoint, as the test reads it.
    store: Arc<dyn Store>,
    /// Slots that were seen.
    seen: AtomicU64,
}

impl Job {
    pub(super) fn new(service: &Service, mode: &'static str, places: Places, lines: u64, seed: u64) -> Self {
        static JOBS: AtomicU64 = AtomicU64::new(0);
        let folder = TempDir::new().unwrap();
        let input = Input::make(&folder.path().join("in"), lines, seed);
        let prefix = format!("job-{}", JOBS.fetch_add(1, Ordering::Relaxed));
        let checkpoint = match places {
            Places::CheckpointOnDisk => Place::Local(folder.path().join("checkpoint")),
            _ => Place::Object(service.at(&format!("{prefix}/checkpoint"))),
        };
        let store = checkpoint.open(Durability::ProcessCrash).unwrap();
        let proxy = Proxy::start(service.port(), 25, seed);
        Self { proxy, folder, mode, places, prefix, service: service.clone(), input, store, seen: 0.into() }
    }

    /// The part of the bucket that is this job's.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn start(&self, start: Start) -> Running {
        let Start { workers, epoch_rows, follow, secret } = start;
        let in_bucket = self.service.url(&self.prefix);
        let on_disk = self.folder.path().display().to_string();
        let (output, checkpoint) = match self.places {
            Places::Bucket => (&in_bucket, &in_bucket),
            Places::OutputOnDisk => (&on_disk, &in_bucket),
            Places::CheckpointOnDisk => (&in_bucket, &on_disk),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
        command
            .arg(self.mode)
            .arg(self.folder.path())
            .args([workers, epoch_rows].map(|number| number.to_string()))
            .args(["process-crash", "60", if follow { "yes" } else { "no" }])
            .args([output.clone(), format!("{checkpoint}/checkpoint")]);
        self.service.tell(&mut command, self.proxy.port(), secret);
        Running::start(&mut command, self.folder.path())
    }

    /// How many slots the log has.
    pub(super) fn slots(&self) -> u64 {
        let mut seen = self.seen.load(Ordering::Relaxed);
        while self.store.exists(&format!("log/{:020}.rec", seen + 1)).unwrap() {
            seen += 1;
        }
        self.seen.store(seen, Ordering::Relaxed);
        seen
    }

    /// What holds at the end; gives the last epoch.
    pub(super) fn check(&self, seen: usize) -> u64 {
        let log = Log::new(Arc::clone(&self.store));
        let (mut epoch, mut last) = (0, None);
        for slot in log.listing().unwrap().slots {
            last = Some(log.read(slot).unwrap().record);
            if let Some(Record::Commit(commit)) = &last {
                assert_eq!(commit.epoch, epoch + 1, "an epoch is missing or there twice");
                epoch = commit.epoch;
            }
        }
        let Some(Record::Close(close)) = last else { panic!("the log has no clean end") };
        assert_eq!((close.published_through, &close.error), (Some(epoch), &None));
        let (rows, _) = self.input.expected(self.mode);
        assert_eq!(seen, rows.len(), "the reader did not see as many rows as there should be");
        self.check_rows();
        epoch
    }

    /// Compares with what DuckDB and pyarrow read.
    pub(super) fn check_rows(&self) {
        let (rows, _) = self.input.expected(self.mode);
        let expected = self.path("expected.json");
        fs::write(&expected, json!({ "rows": rows, "bad": self.input.bad }).to_string()).unwrap();
        let ran = self.reader("compare").arg(&expected).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        print!("{}", String::from_utf8_lossy(&ran.stdout));
        if self.places == Places::OutputOnDisk {
            return;
        }
        let place = self.service.at(&format!("{}/out", self.prefix));
        let root = Place::Object(place).open_sink(Durability::ProcessCrash).unwrap();
        assert_eq!(objects(root.store().as_ref(), "out.stage"), ["out.stage/OWNER"], "files are left in the stage");
    }

    /// The program that reads the output as others do.
    fn reader(&self, what: &str) -> Command {
        let python =
            std::env::var_os("MILLSTREAM_PYTHON").expect("MILLSTREAM_PYTHON names no Python with duckdb and pyarrow");
        let script = concat!(include_str!("../plain.py"), include_str!("reader.py"));
        let on_disk = self.folder.path().display().to_string();
        let (service, base) = match self.places {
            Places::OutputOnDisk => (["disk", "", "", ""].map(str::to_owned), on_disk),
            _ => (self.service.for_readers(), format!("{BUCKET}/{}", self.prefix)),
        };
        let mut command = Command::new(python);
        command.args(["-c", script, what]).args(service).arg(base);
        command
    }

    /// Reads the output over and over from now on.
    pub(super) fn watch(&self) -> Watch {
        let mut command = self.reader("watch");
        Watch(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// Every object below a folder. This server shows folders that are empty.
fn objects(store: &dyn Store, folder: &str) -> Vec<String> {
    let below = |entry: Entry| match (entry.is_dir, format!("{folder}/{}", entry.name)) {
        (true, folder) => objects(store, &folder),
        (false, object) => vec![object],
    };
    store.list(folder).unwrap().into_iter().flat_map(below).collect()
}

/// Somebody who reads the output all the time.
pub(super) struct Watch(Child);

impl Watch {
    /// Ends it; gives how often it looked, and how many rows it saw.
    pub(super) fn end(self) -> (u64, usize) {
        // Its input ends here.
        let ended = self.0.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "the reader saw something wrong: {errors}");
        let said: Value = serde_json::from_slice(&ended.stdout).unwrap();
        (said[0].as_u64().unwrap(), said[1].as_u64().unwrap() as usize)
    }
}
