//! Azure Blob Storage.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::http::Http;
use super::{Connected, retries};
use crate::error::Result;
use crate::store::Location;

/// Takes the account, unless the URL names it, and its credentials from the environment: `AZURE_STORAGE_ACCOUNT_NAME`,
/// `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_TOKEN`, `AZURE_CLIENT_ID` with `AZURE_TENANT_ID` and
/// `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`, or the instance; and another address, `AZURE_STORAGE_ENDPOINT`.
pub(super) fn connect(location: &Location, container: &str, account: Option<&str>) -> Result<Connected> {
    let mut builder = MicrosoftAzureBuilder::from_env();
    let endpoint = location.options.endpoint.clone().or_else(|| builder.get_config_value(&AzureConfigKey::Endpoint));
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    builder = builder.with_container_name(container).with_retry(retries()).with_http_connector(Http { plain });
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = endpoint {
        location.warn_if_clear(&endpoint);
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
    }
    let store = builder.build().map_err(|error| {
        location
            .wrong(error)
            .help("set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or another credential")
    })?;
    Ok(Connected { store: Arc::new(store), credentials: None })
}
