//! Credentials, against an STS in the process.

mod independent;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_sdk_kinesis::Client;

use super::*;
use crate::source::{Resume, Source, kinesis};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// An STS that gives numbered keys, and a Kinesis that allows nothing; what came is kept.
#[derive(Clone)]
struct Cloud {
    url: String,
    /// Authorization header and body.
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl Cloud {
    /// The keys it gives can be used for so many seconds. Refuses roles other than [`ROLE`].
    fn start(lifetime: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cloud = Self { url: format!("http://{}", listener.local_addr().unwrap()), calls: Arc::default() };
        let serving = cloud.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(connection.unwrap(), lifetime));
            }
        });
        cloud
    }

    fn serve(&self, connection: TcpStream, lifetime: i64) {
        let (mut reader, mut writer) = (BufReader::new(connection.try_clone().unwrap()), connection);
        loop {
            let (mut length, mut authorization, mut line) = (0, String::new(), String::new());
            loop {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    if line.trim_end().is_empty() {
                        break;
                    }
                    continue;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "authorization" => value.trim().clone_into(&mut authorization),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let mut calls = self.calls.lock().unwrap();
            calls.push((authorization, body.clone()));
            let number = calls.iter().filter(|(_, body)| body.contains("Action=")).count();
            drop(calls);
            let (status, answer) = if !body.contains("Action=") {
                let message = r#"{"__type":"AccessDeniedException","message":"no"}"#;
                ("400 Bad Request", message.to_owned())
            } else if !body.contains("role%2Freader") {
                let error = "<Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error>";
                ("403 Forbidden", format!("<ErrorResponse>{error}</ErrorResponse>"))
            } else {
                let action = if body.contains("WebIdentity") { "AssumeRoleWithWebIdentity" } else { "AssumeRole" };
                let until = crate::clock::now() + Duration::from_secs(lifetime.unsigned_abs());
                let keys = format!(
                    "<Credentials><AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                     <SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials>\
                     <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/reader/x</Arn>\
                     <AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>"
                );
                ("200 OK", format!("<{action}Response><{action}Result>{keys}</{action}Result></{action}Response>"))
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
            writer.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).unwrap();
        }
    }

    fn calls(&self) -> Vec<(String, String)> {
        self.calls.lock().unwrap().clone()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn keys() -> Aws {
    let secret = |text: &str| Some(Secret::from(text.to_owned()));
    Aws { access_key: secret("AKIAGIVEN"), secret_key: secret("hidden"), ..Aws::default() }
}

#[test]
fn f_079_a_role_is_taken_and_renewed() {
    let cloud = Cloud::start(1);
    let aws = Aws {
        role_arn: Some(ROLE.into()),
        role_external_id: Some("for-us".into()),
        role_session_name: Some("nightly".into()),
        sts_endpoint: Some(cloud.url.clone()),
        endpoint: Some(cloud.url.clone()),
        ..keys()
    };
    block_on(async {
        let config = aws.connect("kinesis stream `s`", None).await.unwrap();
        let (signed, asked) = cloud.calls().remove(0);
        assert!(signed.contains("Credential=AKIAGIVEN/"), "{signed}");
        for part in ["Action=AssumeRole&", "ExternalId=for-us", "RoleSessionName=nightly"] {
            assert!(asked.contains(part), "{asked}");
        }
        let client = Client::new(&config);
        let mut seen = Vec::new();
        for _ in 0..2 {
            client.list_streams().send().await.unwrap_err();
            let (signed, _) = cloud.calls().pop().unwrap();
            seen.push(signed.split(['=', '/']).nth(1).unwrap().to_owned());
            // Credentials last a second, and are asked for anew.
            tokio::time::sleep(Duration::from_millis(1_200)).await;
        }
        assert!(seen[0] != seen[1] && seen.iter().all(|key| key.starts_with("ASIA")), "{seen:?}");
    });
}

#[test]
fn a_role_that_is_refused() {
    let cloud = Cloud::start(60);
    let role = "arn:aws:iam::123456789012:role/other";
    let source = kinesis("s").endpoint(cloud.url.as_str()).role_arn(role).sts_endpoint(cloud.url.as_str());
    let error = block_on(source.open(Resume::default())).err().unwrap();
    assert_eq!(error.kind(), Kind::Config);
    for part in [&format!("the role {role} cannot be taken"), "AccessDenied", &format!("sts:AssumeRole on {role}")] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_whole_configuration() {
    let cloud = Cloud::start(60);
    block_on(async {
        let keys = Credentials::new("AKIAWHOLE", "s", None, None, "test");
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(Builder::new().build_http());
        let config = loader.region("eu-north-1").endpoint_url(&cloud.url).credentials_provider(keys).load().await;
        let error = kinesis("s").aws(config.clone()).open(Resume::default()).await.err().unwrap();
        let words = "kinesis:DescribeStreamSummary on arn:aws:kinesis:eu-north-1:*:stream/s";
        assert!(error.to_string().contains(words), "{error}");
        let arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s";
        let error = kinesis(arn).aws(config.clone()).open(Resume::default()).await.err().unwrap();
        assert!(error.to_string().contains(&format!("kinesis:DescribeStreamSummary on {arn}")), "{error}");
        let [(first, _), (second, _)] = cloud.calls().try_into().unwrap();
        assert!(first.contains("AKIAWHOLE/") && first.contains("/eu-north-1/"), "{first}");
        assert!(second.contains("/cn-north-1/"), "the region of the ARN counts: {second}");
        // A role is taken with the configuration's credentials.
        let source = kinesis("s").aws(config).role_arn(ROLE).sts_endpoint(cloud.url.as_str());
        source.open(Resume::default()).await.err().unwrap();
        let calls = cloud.calls();
        assert!(calls[2].0.contains("AKIAWHOLE/") && calls.last().unwrap().0.contains("=ASIA"), "{calls:?}");
    });
}

#[test]
fn faults_in_the_options() {
    let text = |text: &str| Some(text.to_owned());
    let half = Aws { secret_key: None, ..keys() };
    let token = Aws { session_token: keys().secret_key, ..Aws::default() };
    let both = Aws { profile: text("p"), ..keys() };
    let name = Aws { role_session_name: text("n"), ..Aws::default() };
    let role = Aws { role_arn: text("reader"), ..Aws::default() };
    let region = Aws { region: text("eu-west-1"), ..Aws::default() };
    for (aws, words) in [
        (half, "only one of access_key and secret_key is given"),
        (token, "session_token is given without access_key"),
        (both, "both access_key and profile are given"),
        (name, "role_session_name is given without role_arn"),
        (role, "role_arn is `reader`"),
        (region, "region is eu-west-1, but the ARN is of eu-north-1"),
    ] {
        let (what, help) = aws.check(Some("arn:aws:kinesis:eu-north-1:123456789012:stream/s")).unwrap_err();
        assert!(what == words && !help.is_empty(), "{what}");
    }
    let error = block_on(kinesis("s").access_key("AKIA".to_owned()).open(Resume::default())).err().unwrap();
    assert!(error.to_string().starts_with("kinesis stream `s`: only one of"), "{error}");
}

/// Counts warnings that say a word.
struct Warnings(Mutex<Vec<String>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text<'a>(&'a Mutex<Vec<String>>);
        impl tracing::field::Visit for Text<'_> {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        }
        event.record(&mut Text(&self.0));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn keys_are_warned_about_once_and_never_shown() {
    let warnings = Arc::new(Warnings(Mutex::default()));
    tracing::subscriber::with_default(Arc::clone(&warnings), || {
        block_on(async {
            for _ in 0..2 {
                Aws { region: Some("eu-west-1".into()), ..keys() }.connect("kinesis stream `s`", None).await.unwrap();
            }
        });
    });
    let seen = warnings.0.lock().unwrap();
    assert_eq!(seen.iter().filter(|text| text.contains("role_arn")).count(), 1, "{seen:?}");
    assert!(!seen.iter().any(|text| text.contains("hidden")));
    let source = kinesis("s").access_key("AKIAGIVEN".to_owned()).secret_key("hidden".to_owned());
    assert!(!format!("{source:?} {:?}", source.describe()).contains("hidden"));
}

/// What the environment says, in processes of their own, since theirs is the process's.
#[test]
fn the_environment() {
    const CHILD: &str = "MILLSTREAM_TEST_AWS";
    let access_key = |aws: Aws| {
        block_on(async {
            let config = aws.connect("kinesis stream `s`", None).await?;
            let keys = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
            Ok::<_, Error>(format!("{} in {}", keys.access_key_id(), config.region().unwrap()))
        })
    };
    let profile = || Aws { profile: Some("other".into()), ..Aws::default() };
    let begun = Instant::now();
    match std::env::var(CHILD).as_deref() {
        Ok("none") => {
            let error = access_key(Aws { region: Some("eu-west-1".into()), ..Aws::default() }).unwrap_err();
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            for part in ["AWS_ACCESS_KEY_ID", "the profile `default`", "AWS_WEB_IDENTITY_TOKEN_FILE", "instance"] {
                assert!(error.to_string().contains(part), "{error}");
            }
            assert!(access_key(profile()).unwrap_err().to_string().contains("there is no region"));
        }
        Ok("web") => {
            let key = access_key(Aws::default()).unwrap();
            assert!(key.starts_with("ASIA") && key.ends_with(" in eu-west-3"), "{key}");
        }
        Ok("profile") => {
            assert_eq!(access_key(Aws::default()).unwrap(), "AKIAENV in eu-west-3");
            assert_eq!(access_key(profile()).unwrap(), "AKIAPROFILE in eu-west-3");
            let error = access_key(Aws { profile: Some("third".into()), ..Aws::default() }).unwrap_err();
            assert!(error.to_string().contains("tried the profile `third`"), "{error}");
        }
        _ => {
            let (cloud, folder) = (Cloud::start(60), tempfile::tempdir().unwrap());
            let (token, file) = (folder.path().join("token"), folder.path().join("config"));
            std::fs::write(&token, "a token").unwrap();
            std::fs::write(&file, "[profile other]\naws_access_key_id=AKIAPROFILE\naws_secret_access_key=s\n").unwrap();
            let (token, file) = (token.to_str().unwrap(), file.to_str().unwrap());
            let region = ("AWS_REGION", "eu-west-3");
            let web = [
                region,
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                ("AWS_ROLE_ARN", ROLE),
                ("AWS_ENDPOINT_URL_STS", &cloud.url),
            ];
            let profile =
                [region, ("AWS_CONFIG_FILE", file), ("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
            for (mode, environment) in [("none", &[][..]), ("web", &web), ("profile", &profile)] {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.env_clear().env(CHILD, mode).env("HOME", "/nonexistent").envs(environment.iter().copied());
                let output = command.args(["aws::tests::the_environment", "--exact"]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && said.contains("1 passed"), "{mode}: {said}");
            }
        }
    }
}
