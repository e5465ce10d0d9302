//! Servers and tools that others wrote, where there are any.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use millstream_tests::skip::missing;
use serde_json::Value;

/// A server that others wrote, stopped when it is dropped.
pub(super) struct Independent {
    process: Child,
    port: u16,
}

impl Drop for Independent {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What `variable` names; none without it, unless the gate, which has it, requires its tools.
fn tool(variable: &str, what: &str) -> Option<OsString> {
    let named = std::env::var_os(variable);
    if named.is_none() {
        missing(&format!("{variable} does not name {what}"));
    }
    named
}

/// The Python that MILLSTREAM_PYTHON names, if it has the modules.
pub(super) fn python(modules: &str) -> Option<OsString> {
    let python = tool("MILLSTREAM_PYTHON", &format!("a Python with {modules}"))?;
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output().unwrap();
    if !found.status.success() {
        missing(&format!("the Python of MILLSTREAM_PYTHON does not have {modules}"));
        return None;
    }
    Some(python)
}

/// Ports that are free now; both at once, so that they differ.
fn ports() -> [u16; 2] {
    let ports = [0, 0].map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    ports.map(|listener| listener.local_addr().unwrap().port())
}

impl Independent {
    /// Starts the kinesis-local in the folder MILLSTREAM_KINESIS_LOCAL.
    pub(super) fn kinesis_local() -> Option<Self> {
        let folder = tool("MILLSTREAM_KINESIS_LOCAL", "a folder of the npm package kinesis-local")?;
        let folder = Path::new(&folder);
        let [port, tls] = ports();
        let mut command = Command::new("node");
        command.arg(folder.join("main.js"));
        command.env("KINESIS_MOCK_CERT_PATH", folder.join("server.json"));
        command.env("KINESIS_MOCK_PLAIN_PORT", port.to_string()).env("KINESIS_MOCK_TLS_PORT", tls.to_string());
        command.env("SHARD_LIMIT", "1000").env("LOG_LEVEL", "ERROR");
        let durations = ["CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS", "UPDATE_SHARD_COUNT"];
        let consumers = ["REGISTER_STREAM_CONSUMER", "DEREGISTER_STREAM_CONSUMER"];
        for duration in durations.iter().chain(&consumers) {
            command.env(format!("{duration}_DURATION"), "20ms");
        }
        Some(Self::spawn(command, port))
    }

    /// Starts the program MILLSTREAM_FERROKINESIS.
    pub(super) fn ferrokinesis() -> Option<Self> {
        let program = tool("MILLSTREAM_FERROKINESIS", "the program of the crate ferrokinesis")?;
        let [port, _] = ports();
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--shard-limit", "1000", "--max-request-body-mb", "64"]);
        command.args(["--create-stream-ms", "20", "--delete-stream-ms", "20", "--update-stream-ms", "20"]);
        Some(Self::spawn(command, port))
    }

    /// Starts the proxy `microburst` of PyPI in front of `upstream`, with rules as its documentation has them.
    pub(super) fn microburst(upstream: &str, rules: &Value) -> Option<Self> {
        let python = python("microburst")?;
        let [port, _] = ports();
        let mut command = Command::new(python);
        command.args(["-m", "microburst", "--upstream", upstream, "--port", &port.to_string()]);
        let proxy = Self::spawn(command, port);
        let begun = Instant::now();
        while proxy.call("GET", "health", "").is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "microburst does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        proxy.call("POST", "rules", &rules.to_string()).unwrap();
        Some(proxy)
    }

    /// How often each rule of microburst was followed, in their order.
    pub(super) fn followed(&self) -> Vec<u64> {
        let rules: Vec<Value> = serde_json::from_str(&self.call("GET", "rules", "").unwrap()).unwrap();
        rules.iter().map(|rule| rule["fired_count"].as_u64().unwrap_or(0)).collect()
    }

    /// The answer of microburst's own interface.
    fn call(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        let length = body.len();
        let head = format!(
            "{method} /_microburst/{path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if head.contains(" 200 ") { Ok(body.to_owned()) } else { Err(std::io::Error::other(answer)) }
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn spawn(mut command: Command, port: u16) -> Self {
        Self { process: command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(), port }
    }
}
