//! Amazon S3, and what speaks its protocol.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::{Builder, tls};
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use tokio::sync::Mutex;

use super::http::Http;
use super::{Connected, Refresh, retries};
use crate::clock;
use crate::error::Result;
use crate::store::{Location, ObjectOptions};
use crate::time::Timestamp;

/// Keys are fetched anew so long before their end.
const SLACK: Duration = Duration::from_secs(300);
/// How long keys are kept that do not say when they end.
const KEPT: Duration = Duration::from_secs(900);

/// Finds region, endpoint and credentials. Asks the service nothing.
pub(super) async fn connect(location: &Location, bucket: &str) -> Result<Connected> {
    let ObjectOptions { region, endpoint, role, kms_key, .. } = &location.options;
    let config = load(&location.options).await;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_S3"));
    let endpoint = endpoint.or_else(|| config.endpoint_url().map(str::to_owned));
    if let Some(endpoint) = &endpoint {
        location.check_endpoint(endpoint)?;
    }
    let found = config.region().map(|region| region.as_ref().to_owned());
    let region = region.clone().or(found).or_else(|| endpoint.is_some().then(|| "us-east-1".to_owned()));
    let Some(region) = region else {
        return Err(location.wrong("there is no region").help("set the option `region`, or AWS_REGION"));
    };
    let provider = match role {
        Some(role) => {
            let role = AssumeRoleProvider::builder(role).session_name("millstream").region(Region::new(region.clone()));
            Some(SharedCredentialsProvider::new(role.configure(&config).build().await))
        }
        None => config.credentials_provider(),
    };
    let Some(provider) = provider else { return Err(location.wrong("there are no AWS credentials")) };
    let keys = Arc::new(Keys { provider, held: Mutex::default() });
    if let Err(error) = keys.get_credential().await {
        return Err(location
            .wrong(format!("there are no AWS credentials: {error}"))
            .help("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the option `profile`, or a role of the host"));
    }
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_credentials(Arc::clone(&keys) as _)
        .with_retry(retries())
        // Not every service knows the request that deletes many objects.
        .with_disable_bulk_delete(true)
        .with_http_connector(Http { plain });
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
    }
    if let Some(key) = kms_key {
        builder = builder.with_sse_kms_encryption(key);
    }
    let store = builder.build().map_err(|error| location.wrong(error))?;
    Ok(Connected { store: Arc::new(store), credentials: Some(keys) })
}

/// What the environment and the profile say; the keys that are given come before theirs.
async fn load(options: &ObjectOptions) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(60))
        .build();
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().tls_provider(ring).build_https())
        .timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let (Some(access), Some(secret)) = (&options.access_key, &options.secret_key) {
        let token = options.session_token.as_ref().map(|token| token.expose().to_owned());
        let given = Credentials::new(access.expose(), secret.expose(), token, None, "millstream options");
        loader = loader.credentials_provider(given);
    }
    loader.load().await
}

/// The keys of the AWS SDK's provider, kept until shortly before their end.
#[derive(Debug)]
struct Keys {
    provider: SharedCredentialsProvider,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<AwsCredential>,
    /// From then on they are fetched anew.
    stale: Timestamp,
    /// From then on they are of no use.
    end: Option<Timestamp>,
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut held = self.held.lock().await;
        let now = clock::now();
        if let Some(held) = held.as_ref().filter(|held| now < held.stale) {
            return Ok(Arc::clone(&held.keys));
        }
        let fetched = match self.provider.provide_credentials().await {
            Ok(fetched) => fetched,
            Err(error) => {
                // The instance's service may be busy; what we hold may still do.
                if let Some(held) = held.as_ref().filter(|held| held.end.is_some_and(|end| now < end)) {
                    return Ok(Arc::clone(&held.keys));
                }
                let source = with_causes(&error).into();
                return Err(object_store::Error::Generic { store: "AWS credentials", source });
            }
        };
        let end = fetched.expiry().and_then(|end| end.duration_since(std::time::UNIX_EPOCH).ok());
        let end = end.map(|end| Timestamp::from_micros(i64::try_from(end.as_micros()).unwrap_or(i64::MAX)));
        let stale = end.map_or(now + KEPT, |end| (end - SLACK).max(now + Duration::from_secs(1)));
        let keys = Arc::new(AwsCredential {
            key_id: fetched.access_key_id().to_owned(),
            secret_key: fetched.secret_access_key().to_owned(),
            token: fetched.session_token().map(str::to_owned),
        });
        *held = Some(Held { keys: Arc::clone(&keys), stale, end });
        Ok(keys)
    }
}

impl Refresh for Keys {
    fn refresh(&self) {
        // Whoever holds the lock fetches them at this moment.
        if let Ok(mut held) = self.held.try_lock() {
            *held = None;
        }
    }
}

/// An error with all its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
