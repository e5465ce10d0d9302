//! What speaks TLS, and what does not. The certificate was made by `openssl req -x509`, for nobody to trust.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::super::open;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::Location;

const UNTRUSTED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBoTCCAUigAwIBAgIUUTIlRhSneaM0647okUUceDprg+UwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSbm9ib2R5IHRydXN0cyB0aGlzMCAXDTI2MTEyMzA4NDExM1oY
DzIxMjYxMDMwMDg0MTEzWjAdMRswGQYDVQQDDBJub2JvZHkgdHJ1c3RzIHRoaXMw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQNwLpVks2HGvPik5mwmsakTgaG/lH3
evdEVpV0mRkpaIZEkCL5G1emv+O618u5OUS8he+4+r8hdJDJHL1cViiko2QwYjAd
BgNVHQ4EFgQU9s+ql0UV8XsURFYo5Q+4BRv4CBkwHwYDVR0jBBgwFoAU9s+ql0UV
8XsURFYo5Q+4BRv4CBkwDwYDVR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAAB
MAoGCCqGSM49BAMCA0cAMEQCIAH0kf/Jm6j6FHFQci6OKTsCF5AKDPc8K6Wm4e/W
atl3AiAFh2RBlk8616NIVXHSorrkVucCIhXVUpjTpmsdx6DquA==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBIPdeTiotZg2ZzQN
NORzVWakmCpGw4PiJLbS3xv7sjShRANCAAQNwLpVks2HGvPik5mwmsakTgaG/lH3
evdEVpV0mRkpaIZEkCL5G1emv+O618u5OUS8he+4+r8hdJDJHL1cViik
-----END PRIVATE KEY-----
";

/// Looks at an object of a server that answers each connection so; gives the port, the error and how long it took.
fn look(answer: impl Fn(std::net::TcpStream) + Send + 'static) -> (Error, Duration) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    // Ends with the process of the tests.
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    let [access, secret] = ["AKIATEST", "canary"].map(|key| Secret::from(key.to_owned()));
    let location = Location::at("s3://bucket/checkpoint").region("us-east-1").endpoint(endpoint);
    let location = location.access_key(access).secret_key(secret);
    let begun = Instant::now();
    let error = open(&location, "checkpoint").unwrap().len("PIPELINE.json").unwrap_err();
    (error, begun.elapsed())
}

#[test]
fn f_083_a_certificate_that_is_not_trusted_ends_a_start_at_once() {
    let certificate = CertificateDer::from_pem_slice(UNTRUSTED.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(UNTRUSTED.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let (error, took) = look(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        // The client says why it goes away.
        while connection.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
    });
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(error.kind(), Kind::Config, "{error}");
    let text = error.to_string();
    assert!(text.contains("certificate") && text.contains("SSL_CERT_FILE"), "{text}");
    assert!(text.contains("s3://bucket/checkpoint/PIPELINE.json"), "{text}");
}

#[test]
fn a_port_that_speaks_no_tls_ends_a_start_at_once() {
    let (error, took) = look(|mut stream| {
        // All that was sent, or closing would throw the answer away.
        let mut head = [0; 5];
        stream.read_exact(&mut head).ok();
        let mut hello = vec![0; u16::from_be_bytes([head[3], head[4]]).into()];
        stream.read_exact(&mut hello).ok();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").ok();
    });
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(error.to_string().contains("correct the endpoint"), "{error}");
}
