//! Amazon S3, and what speaks its protocol.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use tokio::sync::Mutex;

use super::http::Http;
use super::{Connected, Refresh, retries};
use crate::aws::{Aws, with_causes};
use crate::clock;
use crate::error::Result;
use crate::store::Location;
use crate::time::Timestamp;

/// Keys are fetched anew so long before their end.
const SLACK: Duration = Duration::from_secs(300);
/// How long keys are kept that do not say when they end.
const KEPT: Duration = Duration::from_secs(900);

/// Finds region, endpoint and credentials. Asks the service nothing.
pub(super) async fn connect(location: &Location, bucket: &str) -> Result<Connected> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let given = location.options.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_S3"));
    let elsewhere = given.is_some() || variable("AWS_ENDPOINT_URL").is_some();
    // A service that is not Amazon's has no regions, or does not look at them.
    let aws = Aws { default_region: elsewhere.then_some("us-east-1"), ..location.options.aws() };
    let config = aws.connect(&format!("`{}`", location.url()), None).await?;
    let endpoint = given.or_else(|| config.endpoint_url().map(str::to_owned));
    if let Some(endpoint) = &endpoint {
        location.check_endpoint(endpoint)?;
        location.warn_if_clear(endpoint);
    }
    let (Some(region), Some(provider)) = (config.region(), config.credentials_provider()) else {
        return Err(location.wrong("there is no region, or there are no AWS credentials"));
    };
    let keys = Arc::new(Keys { provider, held: Mutex::default() });
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.as_ref())
        .with_credentials(Arc::clone(&keys) as _)
        .with_retry(retries())
        // Not every service knows the request that deletes many objects.
        .with_disable_bulk_delete(true)
        .with_http_connector(Http { plain });
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
    }
    if let Some(key) = &location.options.kms_key {
        builder = builder.with_sse_kms_encryption(key);
    }
    if let Some(enabled) = location.options.kms_bucket_key {
        builder = builder.with_bucket_key(enabled);
    }
    let store = builder.build().map_err(|error| location.wrong(error))?;
    Ok(Connected { store: Arc::new(store), credentials: Some(keys) })
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
