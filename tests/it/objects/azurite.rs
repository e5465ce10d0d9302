//! Azure Blob Storage to test against: Microsoft's own emulator, which checks signatures and honours `If-None-Match`.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use millstream_tests::skip::missing;
use tempfile::TempDir;

use super::server::BUCKET;

pub(super) const ACCOUNT: &str = "millstream";
/// `canary-account-key`, which is looked for in everything that a test prints.
pub(super) const KEY: &str = "Y2FuYXJ5LWFjY291bnQta2V5";

/// A running `azurite-blob`, stopped when it is dropped.
pub(super) struct Azurite {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Runs a test in a process of its own which has the account in its environment, since there alone it can be said; and in that
/// process gives the service. `None` without a program, unless it is required.
pub(super) fn with_account(test: &str) -> Option<Arc<Azurite>> {
    if std::env::var("AZURE_STORAGE_ACCOUNT_KEY").is_ok_and(|key| key == KEY) {
        return Azurite::start();
    }
    program()?;
    let inside = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        .env("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    println!("{said}");
    assert!(inside.status.success() && said.contains("1 passed"), "{}", String::from_utf8_lossy(&inside.stderr));
    None
}

/// The program in the folder that MILLSTREAM_AZURITE names.
fn program() -> Option<PathBuf> {
    // Without a reader there is nothing to compare.
    let tools = ["MILLSTREAM_AZURITE", "MILLSTREAM_PYTHON"].map(std::env::var_os);
    let [Some(folder), Some(_)] = tools else {
        missing(
            "MILLSTREAM_AZURITE names no folder of the npm package azurite, or MILLSTREAM_PYTHON no Python with duckdb and pyarrow",
        );
        return None;
    };
    Some(PathBuf::from(folder).join("dist/src/blob/main.js"))
}

impl Azurite {
    /// The one server of all tests that run at this moment in this process.
    fn start() -> Option<Arc<Self>> {
        static SERVER: Mutex<Weak<Azurite>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = server.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::spawn(program()?));
        *server = Arc::downgrade(&started);
        Some(started)
    }

    fn spawn(program: PathBuf) -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let process = Command::new("node")
            .arg(program)
            .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string(), "--location"])
            .arg(folder.path())
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("azurite.txt")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { process, port, folder };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let said = || std::fs::read_to_string(server.folder.path().join("azurite.txt")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(120), "azurite does not answer: {}", said());
            // Look again until it answers.
            std::thread::sleep(Duration::from_millis(50));
        }
        server.make_container();
        server
    }

    fn make_container(&self) {
        let python = std::env::var_os("MILLSTREAM_PYTHON").unwrap();
        let made = Command::new(python)
            .args(["-c", include_str!("container.py"), &format!("127.0.0.1:{}", self.port), ACCOUNT, KEY, BUCKET])
            .output()
            .unwrap();
        assert!(made.status.success(), "no container: {}", String::from_utf8_lossy(&made.stderr));
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}
