//! Google Cloud Storage.

use std::sync::Arc;

use object_store::gcp::GoogleCloudStorageBuilder;

use super::http::Http;
use super::{Connected, retries};
use crate::error::Result;
use crate::store::Location;

/// Takes credentials from the environment: `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT`,
/// `GOOGLE_SERVICE_ACCOUNT_KEY`, or the instance.
pub(super) fn connect(location: &Location, bucket: &str) -> Result<Connected> {
    let endpoint = location.options.endpoint.as_deref();
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retries())
        .with_http_connector(Http { plain });
    if let Some(endpoint) = endpoint {
        location.warn_if_clear(endpoint);
        builder = builder.with_base_url(endpoint);
    }
    let store = builder.build().map_err(|error| {
        location.wrong(error).help("set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account")
    })?;
    Ok(Connected { store: Arc::new(store), credentials: None })
}
