use super::super::position::{Origin, Position, compare};
use super::*;
use crate::secret::Secret;
use serde_json::json;
use std::cmp::Ordering;

#[test]
fn sequence_numbers_are_numbers() {
    let service = "49590338271490256608559692538361571095921575989136588898";
    assert_eq!(compare("9", "10"), Ordering::Less);
    assert_eq!(compare("0010", "10"), Ordering::Equal);
    assert_eq!(compare(service, "9"), Ordering::Greater);
    assert_eq!(compare("0", "1"), Ordering::Less);
    assert_eq!(compare(service, &service.replace("898", "899")), Ordering::Less);
}

#[test]
fn positions_are_short_and_strict() {
    let position = Position { sequence_number: Some("17".into()), n: 4, ..Position::default() };
    assert_eq!(position.value(), json!({ "sequence_number": "17", "n": 4 }));
    assert_eq!(Position::default().value(), json!({}));
    let at = Position::start(Origin::At("2026-01-01T00:00:00.5Z".parse().unwrap()));
    assert_eq!(at.value(), json!({ "start": "2026-01-01T00:00:00.5Z" }));
    assert_eq!(Position::parse(&at.value(), STREAM, FIRST).unwrap(), at);
    for wrong in [json!(7), json!({ "sequence_number": "1", "sub": 3 }), json!({ "start": "yesterday" })] {
        assert_eq!(Position::parse(&wrong, STREAM, FIRST).unwrap_err().kind(), Kind::Config, "{wrong}");
    }
}

#[test]
fn options_are_checked_before_any_call() {
    let error = |source: Kinesis| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(source.open(Resume::default())).err().unwrap();
        assert_eq!(error.kind(), Kind::Config);
        error.to_string()
    };
    let ms = Duration::from_millis;
    assert!(error(kinesis("")).contains("no stream"));
    assert!(error(kinesis("arn:aws:kinesis:eu-west-1:1:table/x")).contains("ARN"));
    assert!(error(kinesis("s").max_records_per_fetch(0)).contains("1 to 10000"));
    assert!(error(kinesis("s").max_fetch_rate(2.5)).contains("2.0"));
    assert!(error(kinesis("s").max_fetch_rate(f64::NAN)).contains("2.0"));
    assert!(error(kinesis("s").min_fetch_period(ms(100))).contains("200ms"));
    assert!(error(kinesis("s").endpoint("http://10.0.0.1:1").min_fetch_period(ms(100))).contains("200ms"));
    assert!(error(kinesis("s").fetch_buffer_size(1 << 20)).contains("10 MiB"));
    assert!(error(kinesis("s").access_key(String::from("a"))).contains("give both"));
    assert!(error(kinesis("s").session_token(String::from("a"))).contains("with it"));
}

#[test]
fn names_and_secrets() {
    let source = kinesis("arn:aws:kinesis:eu-west-1:123456789012:stream/readings")
        .access_key(Secret::from(String::from("hush")))
        .secret_key(Some(String::from("hush")))
        .session_token(None::<String>)
        .region(None::<String>)
        .start(None)
        .profile("p");
    assert_eq!(source.name(), "readings");
    assert!(!format!("{source:?} {:?}", source.describe()).contains("hush"));
    let local = |endpoint: &str| kinesis("s").endpoint(endpoint).aws.is_local();
    for endpoint in ["http://127.0.0.1:4567", "http://localhost:1/", "https://[::1]:80", "http://127.0.0.1"] {
        assert!(local(endpoint), "{endpoint}");
    }
    for endpoint in ["https://kinesis.eu-west-1.amazonaws.com", "http://127.0.0.1.example.com:80", "http://10.1.2.3"] {
        assert!(!local(endpoint), "{endpoint}");
    }
}

/// Everything for the real service is found without a call: what is given is not looked for.
#[test]
fn a_client_of_the_service() {
    let source = kinesis("readings")
        .region("eu-west-1")
        .access_key(String::from("access"))
        .secret_key(String::from("secret"))
        .session_token(String::from("token"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(super::super::client::Client::new(&source)).unwrap();
    assert_eq!(client.stream, "readings");
}
