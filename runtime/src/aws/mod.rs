//! The AWS side of sources and sinks: where the service is, and who calls it.
//!
//! Options that every connector to AWS has are made by the macro `options` and kept in [`Aws`]; [`Aws::connect`] turns them
//! into the SDK's own configuration, whose credentials renew themselves.

#[cfg(feature = "kinesis")]
mod options;
#[cfg(all(test, feature = "kinesis"))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails is meant to panic")]
mod tests;

use std::sync::Once;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::{Builder, tls};
use aws_types::sdk_config::SharedHttpClient;

#[cfg(feature = "kinesis")]
pub(crate) use self::options::aws_options as options;
use crate::Result;
use crate::error::{Error, Kind};
use crate::loopback::is_loopback;
use crate::secret::Secret;

/// How long the credentials of the host are looked for: with none, the metadata services of AWS do not answer.
const LOOKED_FOR: Duration = Duration::from_secs(4);

/// What a user says about the AWS side.
#[derive(Clone, Default)]
pub(crate) struct Aws {
    pub(crate) region: Option<String>,
    /// The region if nobody names one.
    pub(crate) default_region: Option<&'static str>,
    pub(crate) endpoint: Option<String>,
    pub(crate) access_key: Option<Secret>,
    pub(crate) secret_key: Option<Secret>,
    pub(crate) session_token: Option<Secret>,
    pub(crate) profile: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) role_external_id: Option<String>,
    pub(crate) role_session_name: Option<String>,
    pub(crate) sts_endpoint: Option<String>,
    pub(crate) config: Option<SdkConfig>,
}

/// A fault in the options: what is wrong, and what to write instead.
type Fault = (String, &'static str);

impl Aws {
    /// Checks what does not need AWS. `resource` is the ARN of what is read or written, if it is named by one.
    pub(crate) fn check(&self, resource: Option<&str>) -> Result<(), Fault> {
        let fault = |what: &str, help| Err((what.to_owned(), help));
        if self.access_key.is_some() != self.secret_key.is_some() {
            let help = "give both, or neither for the AWS credentials of the environment";
            return fault("only one of access_key and secret_key is given", help);
        }
        if self.session_token.is_some() && self.access_key.is_none() {
            return fault("session_token is given without access_key", "give access_key and secret_key with it");
        }
        if self.access_key.is_some() && self.profile.is_some() {
            return fault("both access_key and profile are given", "give one of them");
        }
        if self.config.is_some() && (self.access_key.is_some() || self.profile.is_some()) {
            return fault("`aws` is given together with credentials", "put the credentials into the configuration");
        }
        if self.role_arn.is_none() {
            for (name, given) in [
                ("role_external_id", &self.role_external_id),
                ("role_session_name", &self.role_session_name),
                ("sts_endpoint", &self.sts_endpoint),
            ] {
                if given.is_some() {
                    return Err((format!("{name} is given without role_arn"), "give the role to take with `role_arn`"));
                }
            }
        }
        if let Some(role) =
            self.role_arn.as_deref().filter(|role| !role.starts_with("arn:") || !role.contains(":role/"))
        {
            return Err((format!("role_arn is `{role}`"), "give an ARN like `arn:aws:iam::ACCOUNT:role/NAME`"));
        }
        let clear = self.sts_endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        if clear.is_some_and(|rest| !is_loopback(rest)) {
            return fault(
                "the temporary keys of `sts_endpoint` would come in the clear",
                "give an endpoint `https://`",
            );
        }
        if let (Some(region), Some(of_arn)) = (self.region.as_deref(), resource.and_then(region_of))
            && region != of_arn
        {
            return Err((format!("region is {region}, but the ARN is of {of_arn}"), "take the option `region` away"));
        }
        Ok(())
    }

    /// Whether the endpoint is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.url().is_some_and(is_loopback)
    }

    /// The endpoint, if one is given.
    fn url(&self) -> Option<&str> {
        self.endpoint.as_deref().or(self.config.as_ref().and_then(SdkConfig::endpoint_url))
    }

    /// The SDK's configuration, with credentials that were asked for once, so that it is known that there are any.
    /// `whose` is for errors, `resource` as in [`Self::check`].
    pub(crate) async fn connect(&self, whose: &str, resource: Option<&str>) -> Result<SdkConfig> {
        let wrong = |what: String| Error::new(Kind::Config, format!("{whose}: {what}"));
        let local = self.is_local();
        let region = self.region.as_deref().or(resource.and_then(region_of));
        let base = match &self.config {
            Some(config) => config.clone(),
            None => self.load(region, local).await,
        };
        let region = region.map(|region| Region::new(region.to_owned())).or_else(|| base.region().cloned());
        let region = region.or_else(|| self.default_region.map(Region::from_static));
        let Some(region) = region else {
            return Err(wrong("there is no region".into()).help("set the option `region`, or AWS_REGION"));
        };
        let mut builder = base.to_builder().region(region.clone());
        if base.http_client().is_none() {
            builder.set_http_client(Some(self.http()));
        }
        if let Some(profile) = &self.profile {
            let with = ProviderConfig::without_region().with_region(Some(region)).with_http_client(self.http());
            let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&with).build();
            builder.set_credentials_provider(Some(SharedCredentialsProvider::new(provider)));
        }
        let mut config = builder.build();
        let Some(credentials) = config.credentials_provider() else {
            return Err(wrong("the configuration given as `aws` has no credentials".into())
                .help("load it with `aws_config::defaults(BehaviorVersion::latest()).load().await`"));
        };
        let asked = tokio::time::timeout(LOOKED_FOR, credentials.provide_credentials()).await;
        let why = match asked {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(with_causes(&error)),
            Err(_) => Some(format!("no answer within {LOOKED_FOR:?}")),
        };
        if let Some(why) = why {
            return Err(wrong(format!("there are no AWS credentials: tried {}: {why}", self.tried()))
                .help("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the option `profile`, or a role of the host"));
        }
        if self.access_key.is_some() && self.role_arn.is_none() && !local {
            static WARNED: Once = Once::new();
            WARNED.call_once(|| {
                tracing::warn!(
                    "{whose} is called with keys that the program was given; they do not renew themselves: \
                     prefer a role, with `role_arn = \"arn:aws:iam::ACCOUNT:role/NAME\"` or from the host"
                );
            });
        }
        if let Some(role) = &self.role_arn {
            config = self.take_role(role, &config).await.map_err(|why| {
                wrong(format!("the role {role} cannot be taken: {why}")).help(format!(
                    "allow the caller the IAM action sts:AssumeRole on {role}, name the caller in the role's trust \
                     policy, and give `role_external_id` if that asks for one"
                ))
            })?;
        }
        let mut builder = config.into_builder();
        if let Some(endpoint) = &self.endpoint {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        Ok(builder.build())
    }

    /// What the environment, the files and the host say, unless options do.
    async fn load(&self, region: Option<&str>, local: bool) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(60))
            .build();
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(self.http()).timeout_config(timeouts);
        if let Some(region) = region.or(local.then_some("us-east-1")) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let (Some(access), Some(secret)) = (&self.access_key, &self.secret_key) {
            let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
            let keys = Credentials::new(access.expose(), secret.expose(), token, None, "millstream options");
            loader = loader.credentials_provider(keys);
        } else if local && self.profile.is_none() {
            loader = loader.credentials_provider(Credentials::new("test", "test", None, None, "local"));
        }
        loader.load().await
    }

    /// A configuration with the credentials of a role, which are renewed before they expire.
    async fn take_role(&self, role: &str, config: &SdkConfig) -> Result<SdkConfig, String> {
        let mut sts = config.to_builder();
        // An endpoint that a configuration names is the service's, and STS is another one.
        sts.set_endpoint_url(self.sts_endpoint.clone());
        let mut role = AssumeRoleProvider::builder(role)
            .configure(&sts.build())
            .session_name(self.role_session_name.as_deref().unwrap_or("millstream"));
        if let Some(id) = &self.role_external_id {
            role = role.external_id(id);
        }
        let role = role.build().await;
        role.provide_credentials().await.map_err(|error| with_causes(&error))?;
        let provider = SharedCredentialsProvider::new(role);
        Ok(config.to_builder().credentials_provider(provider).build())
    }

    /// Where credentials were looked for.
    fn tried(&self) -> String {
        match (&self.config, &self.profile, &self.access_key) {
            (Some(_), ..) => "the configuration given as `aws`".to_owned(),
            (_, Some(profile), _) => format!("the profile `{profile}` of ~/.aws/config and ~/.aws/credentials"),
            (_, _, Some(_)) => "access_key and secret_key".to_owned(),
            _ => {
                let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
                format!(
                    "AWS_ACCESS_KEY_ID of the environment, the profile `{profile}` of ~/.aws, \
                     AWS_WEB_IDENTITY_TOKEN_FILE, the role of the container, the role of the instance"
                )
            }
        }
    }

    /// A client of HTTP; without TLS when nothing is called but this machine.
    fn http(&self) -> SharedHttpClient {
        let plain = |endpoint: &str| is_loopback(endpoint) && !endpoint.starts_with("https:");
        let sts = self.role_arn.is_none() || self.sts_endpoint.as_deref().is_some_and(plain);
        if self.url().is_some_and(plain) && sts && self.profile.is_none() {
            return Builder::new().build_http();
        }
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Builder::new().tls_provider(provider).build_https()
    }
}

/// The region in an ARN: partition, service, region, account, resource.
fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

/// An error with all its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The first part of ARNs in a region.
#[cfg(feature = "kinesis")]
pub(crate) fn partition_of(region: &str) -> &'static str {
    match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        _ => "aws",
    }
}
