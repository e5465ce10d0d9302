//! The options that sources and sinks of AWS have in common, written once.

/// The methods of a builder with a field `aws`.
macro_rules! aws_options {
    () => {
        /// The AWS region (`region`). Default: the region in the ARN, then that of the environment or profile.
        #[must_use]
        pub fn region(mut self, region: impl $crate::setting::IntoText) -> Self {
            self.aws.region = region.into_text().or(self.aws.region);
            self
        }

        /// The URL to call (`endpoint`). Default: that of the service in the region. On an endpoint of this machine
        /// (`http://127.0.0.1:4567`, `http://localhost:4567`) the credentials are made up unless they are given, and
        /// rates have no limits.
        #[must_use]
        pub fn endpoint(mut self, endpoint: impl $crate::setting::IntoText) -> Self {
            self.aws.endpoint = endpoint.into_text().or(self.aws.endpoint);
            self
        }

        /// The access key (`awsAccessKey`), only together with [`Self::secret_key`]. Default: the credentials of the
        /// environment, the profile, a web identity, the container or the instance, in this order. Keys do not renew
        /// themselves; a role does, see [`Self::role_arn`].
        #[must_use]
        pub fn access_key(mut self, key: impl $crate::secret::IntoSecret) -> Self {
            self.aws.access_key = key.into_secret().or(self.aws.access_key);
            self
        }

        /// The secret key (`awsSecretKey`), only together with [`Self::access_key`].
        #[must_use]
        pub fn secret_key(mut self, key: impl $crate::secret::IntoSecret) -> Self {
            self.aws.secret_key = key.into_secret().or(self.aws.secret_key);
            self
        }

        /// The session token that temporary keys come with.
        #[must_use]
        pub fn session_token(mut self, token: impl $crate::secret::IntoSecret) -> Self {
            self.aws.session_token = token.into_secret().or(self.aws.session_token);
            self
        }

        /// The profile of `~/.aws/config` and `~/.aws/credentials` to take the credentials and the region from, and
        /// from nowhere else. Default: the order of [`Self::access_key`], with the profile `AWS_PROFILE` or `default`.
        #[must_use]
        pub fn profile(mut self, profile: impl $crate::setting::IntoText) -> Self {
            self.aws.profile = profile.into_text().or(self.aws.profile);
            self
        }

        /// The ARN of a role to take (`roleArn`), with the credentials found otherwise; needs the IAM action
        /// `sts:AssumeRole` on it. Its credentials are renewed before they expire. Default: none.
        #[must_use]
        pub fn role_arn(mut self, role: impl $crate::setting::IntoText) -> Self {
            self.aws.role_arn = role.into_text().or(self.aws.role_arn);
            self
        }

        /// The external id that the role's trust policy asks for (`roleExternalId`). Default: none.
        #[must_use]
        pub fn role_external_id(mut self, id: impl $crate::setting::IntoText) -> Self {
            self.aws.role_external_id = id.into_text().or(self.aws.role_external_id);
            self
        }

        /// The name of the session, as CloudTrail shows it (`roleSessionName`). Default: `millstream`.
        #[must_use]
        pub fn role_session_name(mut self, name: impl $crate::setting::IntoText) -> Self {
            self.aws.role_session_name = name.into_text().or(self.aws.role_session_name);
            self
        }

        /// The URL of STS (`stsEndpoint`), for [`Self::role_arn`]. Default: that of the region.
        #[must_use]
        pub fn sts_endpoint(mut self, endpoint: impl $crate::setting::IntoText) -> Self {
            self.aws.sts_endpoint = endpoint.into_text().or(self.aws.sts_endpoint);
            self
        }

        /// All of the AWS side at once: region, endpoint, credentials and HTTP client, as the crate `aws-config` loads
        /// them. [`Self::region`], [`Self::endpoint`] and [`Self::role_arn`] still count; other credentials are refused.
        #[must_use]
        pub fn aws(mut self, config: impl $crate::setting::Setting<aws_config::SdkConfig>) -> Self {
            self.aws.config = config.given().or(self.aws.config);
            self
        }
    };
}
pub(crate) use aws_options;
