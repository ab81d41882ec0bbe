//! How to reach etcd, as options of the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};

use super::error::StoreError;
use super::kv::Kv;
use super::kv::etcd::EtcdKv;

/// How to reach etcd.
#[derive(Args, Clone, Debug, Default)]
pub struct EtcdOptions {
    /// Addresses of etcd's members, separated by commas; without it, the controller starts a
    /// single-member etcd of its own in its state directory.
    #[arg(
        long = "etcd",
        env = "WEFT_ETCD",
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    pub endpoints: Vec<String>,
    /// File with the certificates that etcd's own must come from.
    #[arg(long = "etcd-ca", env = "WEFT_ETCD_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// File with the certificate to show to etcd.
    #[arg(
        long = "etcd-cert",
        env = "WEFT_ETCD_CERT",
        value_name = "FILE",
        requires = "key"
    )]
    pub cert: Option<PathBuf>,
    /// File with the key of the certificate to show to etcd.
    #[arg(
        long = "etcd-key",
        env = "WEFT_ETCD_KEY",
        value_name = "FILE",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
    /// User name at etcd.
    #[arg(
        long = "etcd-user",
        env = "WEFT_ETCD_USER",
        value_name = "NAME",
        requires = "password_file"
    )]
    pub user: Option<String>,
    /// File with the password at etcd.
    #[arg(
        long = "etcd-password-file",
        env = "WEFT_ETCD_PASSWORD_FILE",
        value_name = "FILE",
        requires = "user"
    )]
    pub password_file: Option<PathBuf>,
    /// Prefix of all keys, so that several clusters can share one etcd.
    #[arg(
        long = "etcd-prefix",
        env = "WEFT_ETCD_PREFIX",
        default_value = "/weft/",
        value_name = "PREFIX"
    )]
    pub prefix: String,
}

impl EtcdOptions {
    /// Connects to etcd.
    pub(super) async fn connect(&self) -> Result<Kv, StoreError> {
        let attempt = "connect to etcd";
        let mut options = ConnectOptions::new();
        if let (Some(user), Some(file)) = (&self.user, &self.password_file) {
            let password = read(file)?;
            let password = String::from_utf8_lossy(&password).trim_end().to_owned();
            options = options.with_user(user, password);
        }
        if let Some(tls) = self.tls()? {
            options = options.with_tls(tls);
        }
        let etcd = EtcdKv::connect(&self.endpoints, options, &self.prefix).await;
        etcd.map(Kv::etcd).map_err(|error| error.during(attempt))
    }

    fn tls(&self) -> Result<Option<TlsOptions>, StoreError> {
        if self.ca.is_none() && self.cert.is_none() {
            return Ok(None);
        }
        let mut tls = TlsOptions::new();
        if let Some(ca) = &self.ca {
            tls = tls.ca_certificate(Certificate::from_pem(read(ca)?));
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(Some(tls))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(file).map_err(|error| StoreError::Options {
        attempt: "connect to etcd",
        source: format!("cannot read {}: {error}", file.display()).into(),
    })
}
