//! TLS with a certificate that nobody has signed: refused soon, with words that say what to do, and taken once they are
//! followed.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::Result;
use millstream::engine::Trigger;
use millstream::error::Kind;
use millstream::prelude::*;
use millstream::testing::kinesis::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::job::STREAM;

/// In front of a server: `https://localhost:PORT`, and the certificate as PEM. Lives as long as the process.
fn tls(server: &Server) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = server.endpoint().trim_start_matches("http://").to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(connection).await else { return };
                    let mut server = TcpStream::connect(upstream).await.unwrap();
                    // How the connection ends is nobody's to hear.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    (format!("https://localhost:{port}"), made.cert.pem())
}

fn read(endpoint: &str) -> Result<usize> {
    let rows = millstream::sink::collect();
    let endpoint = endpoint.to_owned();
    let pipeline = pipeline! {
        from kinesis({STREAM}, endpoint = {endpoint}, start = trim_horizon) | decode text | select { line } | sink {rows.clone()}
    };
    pipeline.trigger(Trigger::AvailableNow).run_blocking().map(|summary| summary.rows.rows as usize)
}

fn write(endpoint: &str) -> Result<()> {
    let endpoint = endpoint.to_owned();
    let pipeline = pipeline! {
        from memory(["a"]) | decode text | select { line } | sink kinesis({STREAM}, endpoint = {endpoint}, key = [line], format = json)
    };
    pipeline.run_blocking().map(drop)
}

#[test]
fn a_certificate_that_is_not_trusted() {
    const CHILD: &str = "MILLSTREAM_TEST_TLS";
    if let Ok(endpoint) = std::env::var(CHILD) {
        write(&endpoint).unwrap();
        assert_eq!(read(&endpoint).unwrap(), 2);
        return;
    }
    let server = Server::start().unwrap();
    server.create_stream(STREAM, 1).unwrap();
    server.put(STREAM, "k", "{}").unwrap();
    let (endpoint, certificate) = tls(&server);
    let begun = Instant::now();
    for (what, error) in [("source", read(&endpoint).unwrap_err()), ("sink", write(&endpoint).unwrap_err())] {
        assert_eq!(error.kind(), Kind::Config, "{what}: {error}");
        for words in ["invalid peer certificate", "does not trust the endpoint's certificate", "SSL_CERT_FILE", STREAM]
        {
            assert!(error.to_string().contains(words), "{what}: {error}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(server.log(), []);

    // What the error says to do; in a process of its own, since the environment is the process's.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, certificate).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CHILD, endpoint).env("SSL_CERT_FILE", file);
    let output = command.args(["kinesis::tls::a_certificate_that_is_not_trusted", "--exact"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
