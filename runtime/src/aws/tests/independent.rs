//! Roles and web identities of an STS that others wrote: `moto` of PyPI, if the Python of MILLSTREAM_PYTHON has it, or
//! whatever listens at MILLSTREAM_STS.

use std::process::{Child, Stdio};

use super::*;

/// An STS, stopped when it is dropped if it was started here.
struct Sts {
    url: String,
    process: Option<Child>,
}

impl Drop for Sts {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Sts {
    /// None where there is none, which is a failure if MILLSTREAM_REQUIRE_TOOLS=1.
    fn find() -> Option<Self> {
        if let Ok(url) = std::env::var("MILLSTREAM_STS") {
            return Some(Self { url, process: None });
        }
        let python = std::env::var_os("MILLSTREAM_PYTHON").filter(|python| {
            Command::new(python).args(["-c", "import moto.server"]).output().is_ok_and(|output| output.status.success())
        });
        let Some(python) = python else {
            let required = std::env::var("MILLSTREAM_REQUIRE_TOOLS").is_ok_and(|required| required == "1");
            assert!(!required, "MILLSTREAM_PYTHON names no Python with moto");
            let skipped = "skipped: MILLSTREAM_PYTHON names no Python with moto, and MILLSTREAM_STS no URL of an STS";
            // Not `println!`, which is shown with `--nocapture` only.
            writeln!(std::io::stderr(), "{skipped}").ok();
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let sts = Self { url: format!("http://127.0.0.1:{port}"), process: Some(process) };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(120), "moto does not listen");
            // Python starts slowly; look again until it listens.
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(sts)
    }
}

/// The keys are those of a role, can be used, and say when they end.
async fn check(aws: Aws) {
    let config = aws.connect("kinesis stream `s`", None).await.unwrap();
    let keys = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
    assert!(keys.access_key_id().starts_with("ASIA") && keys.session_token().is_some());
    assert!(keys.expiry().unwrap() > std::time::SystemTime::now());
    Client::new(&config).list_streams().send().await.unwrap();
}

#[test]
fn a_role_of_an_independent_sts() {
    let Some(sts) = Sts::find() else { return };
    let role = Aws {
        role_arn: Some(ROLE.into()),
        sts_endpoint: Some(sts.url.clone()),
        endpoint: Some(sts.url.clone()),
        ..keys()
    };
    let named =
        Aws { role_external_id: Some("for-us".into()), role_session_name: Some("nightly".into()), ..role.clone() };
    block_on(async {
        check(role).await;
        check(named).await;
    });
}

/// What the environment says, in a process of its own, since ours is the process's.
#[test]
fn a_web_identity_of_an_independent_sts() {
    const CHILD: &str = "MILLSTREAM_TEST_WEB_IDENTITY";
    if std::env::var_os(CHILD).is_some() {
        return block_on(check(Aws::default()));
    }
    let Some(sts) = Sts::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a token").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear().env(CHILD, "1").env("HOME", "/nonexistent").env("AWS_REGION", "eu-west-3");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ROLE_ARN", ROLE);
    command.env("AWS_ENDPOINT_URL_STS", &sts.url).env("AWS_ENDPOINT_URL_KINESIS", &sts.url);
    let name = "aws::tests::independent::a_web_identity_of_an_independent_sts";
    let output = command.args([name, "--exact"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
