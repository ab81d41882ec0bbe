//! How to reach etcd, as options of the command line.

use std::path::PathBuf;

use clap::Args;

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
