//! What differs between the services that the same is tried on.

use std::process::Command;
use std::sync::Arc;

use millstream::Secret;
use millstream::store::Location;

use super::azurite::{self, Azurite};
use super::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};

/// A service that runs on this machine.
#[derive(Clone)]
pub(super) enum Service {
    S3(Arc<Server>),
    Azure(Arc<Azurite>),
}

impl Service {
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::S3(server) => server.port(),
            Self::Azure(server) => server.port(),
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        let scheme = match self {
            Self::S3(_) => "s3",
            Self::Azure(_) => "az",
        };
        format!("{scheme}://{BUCKET}/{path}")
    }

    /// A place as the test reads it, where nothing gets lost.
    pub(super) fn at(&self, path: &str) -> Location {
        let location = Location::at(self.url(path)).endpoint(self.endpoint(self.port()));
        match self {
            Self::S3(_) => location
                .region("us-east-1")
                .access_key(Secret::from(ACCESS_KEY.to_owned()))
                .secret_key(Secret::from(SECRET_KEY.to_owned())),
            // The rest is in the environment.
            Self::Azure(_) => location,
        }
    }

    fn endpoint(&self, port: u16) -> String {
        match self {
            Self::S3(_) => format!("http://127.0.0.1:{port}"),
            Self::Azure(_) => format!("http://127.0.0.1:{port}/{}", azurite::ACCOUNT),
        }
    }

    /// Tells a program to reach the service at a port, with a key or a wrong one.
    pub(super) fn tell(&self, command: &mut Command, port: u16, secret: Option<&str>) {
        let endpoint = self.endpoint(port);
        match self {
            Self::S3(_) => command
                .env("AWS_ENDPOINT_URL_S3", endpoint)
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
                .env("AWS_SECRET_ACCESS_KEY", secret.unwrap_or(SECRET_KEY)),
            Self::Azure(_) => command
                .env("AZURE_STORAGE_ENDPOINT", endpoint)
                .env("AZURE_STORAGE_ACCOUNT_NAME", azurite::ACCOUNT)
                .env("AZURE_STORAGE_ACCOUNT_KEY", secret.unwrap_or(azurite::KEY)),
        };
    }

    /// What `reader.py` is told: the kind, the address and the keys.
    pub(super) fn for_readers(&self) -> [String; 4] {
        let [kind, name, key] = match self {
            Self::S3(_) => ["s3", ACCESS_KEY, SECRET_KEY],
            Self::Azure(_) => ["azure", azurite::ACCOUNT, azurite::KEY],
        };
        [kind.to_owned(), format!("127.0.0.1:{}", self.port()), name.to_owned(), key.to_owned()]
    }
}
