//! Places in object stores: a URL, and what is said about the service.

use std::sync::Arc;

use super::Store;
use super::simulated::Process;
use crate::error::{Error, Kind, Result};
use crate::loopback::is_loopback;
use crate::secret::Secret;

/// A place in an object store, such as `s3://bucket/readings`.
///
/// | URL | service | feature |
/// |---|---|---|
/// | `s3://bucket/path`, `s3a://bucket/path` | Amazon S3, and what speaks its protocol | `s3` |
/// | `gs://bucket/path` | Google Cloud Storage | `gcs` |
/// | `az://container/path`, `abfss://container@account.dfs.core.windows.net/path` | Azure Blob Storage | `azure` |
///
/// ```
/// use millstream::store::Location;
/// let location = Location::at("s3://my-bucket/checkpoints/readings/").region("eu-west-1");
/// assert_eq!(location.url(), "s3://my-bucket/checkpoints/readings");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    url: String,
    pub(crate) options: Box<ObjectOptions>,
}

/// What is said about an object store; the options are methods of [`Location`] and of the sinks that write files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(not(feature = "s3"), allow(dead_code))]
pub struct ObjectOptions {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) access_key: Option<Secret>,
    pub(crate) secret_key: Option<Secret>,
    pub(crate) session_token: Option<Secret>,
    pub(crate) profile: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) role_external_id: Option<String>,
    pub(crate) role_session_name: Option<String>,
    pub(crate) sts_endpoint: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) kms_bucket_key: Option<bool>,
    pub(crate) allow_http: bool,
}

#[cfg(feature = "s3")]
impl ObjectOptions {
    /// Whom S3 is called as.
    pub(super) fn aws(&self) -> crate::aws::Aws {
        let all = self.clone();
        crate::aws::Aws {
            region: all.region,
            access_key: all.access_key,
            secret_key: all.secret_key,
            session_token: all.session_token,
            profile: all.profile,
            role_arn: all.role_arn,
            role_external_id: all.role_external_id,
            role_session_name: all.role_session_name,
            sts_endpoint: all.sts_endpoint,
            ..Default::default()
        }
    }
}

/// The options of an object store, as methods of a type that has them in a field.
macro_rules! object_options {
    ($field:ident) => {
        /// The AWS region of the bucket. Default: that of the environment or the profile; with an endpoint `us-east-1`.
        #[must_use]
        pub fn region(mut self, region: impl $crate::setting::IntoText) -> Self {
            self.$field.region = region.into_text().or(self.$field.region);
            self
        }

        /// The URL of the service. Default: `AWS_ENDPOINT_URL_S3`, then `AWS_ENDPOINT_URL`, then AWS; for `gs://` and
        /// `az://` that of the cloud.
        #[must_use]
        pub fn endpoint(mut self, endpoint: impl $crate::setting::IntoText) -> Self {
            self.$field.endpoint = endpoint.into_text().or(self.$field.endpoint);
            self
        }

        /// The access key of S3, only together with `secret_key`. Default: the credentials of the environment, the
        /// profile, a web identity, the container or the instance, in this order.
        #[must_use]
        pub fn access_key(mut self, key: impl $crate::secret::IntoSecret) -> Self {
            self.$field.access_key = key.into_secret().or(self.$field.access_key);
            self
        }

        /// The secret key of S3, only together with `access_key`.
        #[must_use]
        pub fn secret_key(mut self, key: impl $crate::secret::IntoSecret) -> Self {
            self.$field.secret_key = key.into_secret().or(self.$field.secret_key);
            self
        }

        /// The session token that temporary keys of S3 come with.
        #[must_use]
        pub fn session_token(mut self, token: impl $crate::secret::IntoSecret) -> Self {
            self.$field.session_token = token.into_secret().or(self.$field.session_token);
            self
        }

        /// The profile of `~/.aws/config` and `~/.aws/credentials` to take the credentials and the region from, and
        /// from nowhere else. Default: the order of `access_key`, with the profile `AWS_PROFILE` or `default`.
        #[must_use]
        pub fn profile(mut self, profile: impl $crate::setting::IntoText) -> Self {
            self.$field.profile = profile.into_text().or(self.$field.profile);
            self
        }

        /// The ARN of a role to take, with the credentials found otherwise; needs the IAM action `sts:AssumeRole` on
        /// it. Its credentials are renewed before they expire. Default: none.
        #[must_use]
        pub fn role_arn(mut self, arn: impl $crate::setting::IntoText) -> Self {
            self.$field.role_arn = arn.into_text().or(self.$field.role_arn);
            self
        }

        /// The external id that the role's trust policy asks for. Default: none.
        #[must_use]
        pub fn role_external_id(mut self, id: impl $crate::setting::IntoText) -> Self {
            self.$field.role_external_id = id.into_text().or(self.$field.role_external_id);
            self
        }

        /// The name of the session, as CloudTrail shows it. Default: `millstream`.
        #[must_use]
        pub fn role_session_name(mut self, name: impl $crate::setting::IntoText) -> Self {
            self.$field.role_session_name = name.into_text().or(self.$field.role_session_name);
            self
        }

        /// The URL of STS, for `role_arn`. Default: that of the region.
        #[must_use]
        pub fn sts_endpoint(mut self, endpoint: impl $crate::setting::IntoText) -> Self {
            self.$field.sts_endpoint = endpoint.into_text().or(self.$field.sts_endpoint);
            self
        }

        /// The KMS key, by its ARN or its id, that S3 encrypts what is written with. Default: what the bucket says.
        #[must_use]
        pub fn kms_key(mut self, key: impl $crate::setting::IntoText) -> Self {
            self.$field.kms_key = key.into_text().or(self.$field.kms_key);
            self
        }

        /// Whether S3 encrypts by a key of the bucket that it makes of `kms_key`, rather than call KMS for each object: fewer calls to
        /// pay for. Default: what the bucket says.
        #[must_use]
        pub fn kms_bucket_key(mut self, enabled: impl $crate::setting::Setting<bool>) -> Self {
            self.$field.kms_bucket_key = enabled.given().or(self.$field.kms_bucket_key);
            self
        }

        /// Whether an endpoint `http://` is taken that is not on this machine. Keys are not sent in the clear, but rows
        /// are. Default: it is refused.
        #[must_use]
        pub fn allow_http(mut self, allow: impl $crate::setting::Setting<bool>) -> Self {
            self.$field.allow_http = allow.given().unwrap_or(self.$field.allow_http);
            self
        }
    };
}
pub(crate) use object_options;

impl Location {
    /// A place in an object store; it is looked at when a pipeline starts.
    pub fn at(url: impl Into<String>) -> Self {
        let mut url = url.into();
        // One place has one name.
        if let Some(rest) = url.strip_prefix("s3a://") {
            url = format!("s3://{rest}");
        }
        let scheme = url.find("://").map_or(0, |at| at + 3);
        url.truncate(url.trim_end_matches('/').len().max(scheme));
        Self { url, options: Box::default() }
    }

    /// The same place with other options.
    #[must_use]
    pub(crate) fn with(self, options: ObjectOptions) -> Self {
        Self { options: Box::new(options), ..self }
    }

    /// Whether a text is a URL, and not a path.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.contains("://")
    }

    /// The URL, without a `/` at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    object_options!(options);

    /// Finds what is wrong with it without asking the service.
    ///
    /// # Errors
    ///
    /// If the URL is none of an object store, the feature of its service is not enabled, or options contradict each
    /// other.
    pub fn check(&self) -> Result<()> {
        let parts = self.parts()?;
        let wrong = |what: String, help: &str| Err(self.wrong(what).help(help));
        let feature = parts.service.feature();
        if !parts.service.enabled() {
            let what = format!("millstream was built without the feature `{feature}`, which this store needs");
            let help =
                format!("enable it in Cargo.toml: `millstream = {{ version = \"0.1\", features = [\"{feature}\"] }}`");
            return wrong(what, &help);
        }
        let given = &self.options;
        let of_s3 = [
            ("region", given.region.is_some()),
            ("access_key", given.access_key.is_some()),
            ("secret_key", given.secret_key.is_some()),
            ("session_token", given.session_token.is_some()),
            ("profile", given.profile.is_some()),
            ("role_arn", given.role_arn.is_some()),
            ("role_external_id", given.role_external_id.is_some()),
            ("role_session_name", given.role_session_name.is_some()),
            ("sts_endpoint", given.sts_endpoint.is_some()),
            ("kms_key", given.kms_key.is_some()),
            ("kms_bucket_key", given.kms_bucket_key.is_some()),
        ];
        if parts.service != Service::S3
            && let Some((name, _)) = of_s3.iter().find(|(_, given)| *given)
        {
            return wrong(
                format!("the option `{name}` is for `s3://`"),
                "credentials of this service come from its environment variables",
            );
        }
        if given.kms_bucket_key.is_some() && given.kms_key.is_none() {
            return wrong("kms_bucket_key is given without kms_key".into(), "give the key with `kms_key`");
        }
        #[cfg(feature = "s3")]
        self.options.aws().check(None).or_else(|(what, help)| wrong(what, help))?;
        match &self.options.endpoint {
            Some(endpoint) => self.check_endpoint(endpoint),
            None => Ok(()),
        }
    }

    /// Refuses endpoints that are none, and those that rows would be sent to in the clear.
    pub(crate) fn check_endpoint(&self, endpoint: &str) -> Result<()> {
        let local = match endpoint.split_once("://") {
            Some(("https", rest)) if !rest.is_empty() => return Ok(()),
            Some(("http", rest)) if !rest.is_empty() => is_loopback(rest),
            _ => {
                let what = format!("the endpoint `{endpoint}` is no URL");
                return Err(self.wrong(what).help("write it like `https://s3.example.org`"));
            }
        };
        if local || self.options.allow_http {
            return Ok(());
        }
        Err(self
            .wrong(format!("rows would be sent to `{endpoint}` in the clear"))
            .help("use `https://`, or set the option `allow_http = true`"))
    }

    /// Says, at each start, that rows are sent in the clear.
    #[cfg(feature = "_objects")]
    pub(super) fn warn_if_clear(&self, endpoint: &str) {
        if endpoint.strip_prefix("http://").is_some_and(|rest| !is_loopback(rest)) {
            tracing::warn!(endpoint, "the rows of `{}` are sent in the clear, as `allow_http` says", self.url);
        }
    }

    pub(crate) fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::new(Kind::Config, format!("`{}`: {what}", self.url))
    }

    pub(crate) fn parts(&self) -> Result<Parts<'_>> {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let service = match scheme {
            "s3" => Service::S3,
            "gs" => Service::Gcs,
            "az" | "abfss" => Service::Azure,
            _ => {
                return Err(self.wrong("this is no place that millstream knows").help(
                    "write `s3://bucket/path`, `gs://bucket/path`, `az://container/path`, or a path of a local disk",
                ));
            }
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, account) = match (scheme, bucket.split_once('@')) {
            ("abfss", Some((container, host))) => (container, host.split('.').next()),
            ("abfss", None) => {
                return Err(self
                    .wrong("the URL names no account")
                    .help("write `abfss://container@account.dfs.core.windows.net/path`"));
            }
            (_, Some(_)) => {
                return Err(Error::new(Kind::Config, format!("a URL `{scheme}://` has an `@` before its path"))
                    .help("credentials do not belong into a URL; use the options `access_key` and `secret_key`"));
            }
            (_, None) => (bucket, None),
        };
        // A part of dots would go up from where a request is sent to.
        if matches!(bucket, "" | "." | "..") {
            return Err(self.wrong("the URL names no bucket").help(format!("write `{scheme}://bucket/path`")));
        }
        if let Some(part) = path.split('/').find(|part| matches!(*part, "" | "." | "..") && !path.is_empty()) {
            return Err(self
                .wrong(format!("the path has the part `{part}`"))
                .help("every part has to be a plain name"));
        }
        Ok(Parts { service, bucket, account, path })
    }

    /// Connects to the service; gives the store of the whole bucket below `base`.
    #[cfg(feature = "_objects")]
    pub(super) fn open(&self, base: &str) -> Result<Arc<dyn Store>> {
        self.check()?;
        super::object::open(self, base)
    }

    /// The store of the bucket that a simulated process has, below `base`.
    #[cfg(feature = "_objects")]
    pub(super) fn simulated(&self, process: &Process, base: &str) -> Result<Arc<dyn Store>> {
        super::object::simulated::open(self, process, base)
    }

    #[cfg(not(feature = "_objects"))]
    pub(super) fn simulated(&self, _: &Process, base: &str) -> Result<Arc<dyn Store>> {
        self.open(base)
    }

    #[cfg(not(feature = "_objects"))]
    pub(super) fn open(&self, _: &str) -> Result<Arc<dyn Store>> {
        self.check()?;
        Err(self.wrong("millstream was built without object stores"))
    }
}

/// What a URL says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "azure"), allow(dead_code))]
pub(crate) struct Parts<'a> {
    pub(crate) service: Service,
    pub(crate) bucket: &'a str,
    /// Of Azure, if the URL names it.
    pub(crate) account: Option<&'a str>,
    /// Without `/` at either end; empty for the bucket itself.
    pub(crate) path: &'a str,
}

/// A kind of object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Gcs,
    Azure,
}

impl Service {
    fn feature(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    fn enabled(self) -> bool {
        match self {
            Self::S3 => cfg!(feature = "s3"),
            Self::Gcs => cfg!(feature = "gcs"),
            Self::Azure => cfg!(feature = "azure"),
        }
    }
}
