//! What the command line may say, and what of it goes together.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::store::options::EtcdOptions;

/// Keeps the network of a cluster of hypervisors as its administrators declared it.
///
/// Users talk to the controller with weftctl, agents by one stream each. Any number of controllers
/// may run on one etcd; one of them leads, all of them answer reads.
#[derive(Clone, Debug, Parser)]
#[command(name = "weft-controller", version, max_term_width = 100)]
pub struct Options {
    /// Where users and agents connect
    ///
    /// Anything but a loopback address needs --insecure, because connections are neither
    /// encrypted nor authenticated yet.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:7443",
        env = "WEFT_LISTEN"
    )]
    pub listen: SocketAddr,

    /// Allow --listen on an address that others can reach, without encryption
    #[arg(long)]
    pub insecure: bool,

    /// Where the controller keeps what is its own, the built-in etcd among it
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/weft/controller",
        env = "WEFT_STATE_DIR"
    )]
    pub state_dir: PathBuf,

    /// The name that other controllers and users see; left out, the host name
    #[arg(long, value_name = "NAME", env = "WEFT_NAME")]
    pub name: Option<String>,

    /// How to reach etcd.
    #[command(flatten, next_help_heading = "etcd")]
    pub etcd: EtcdOptions,

    /// How log lines are written
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        env = "WEFT_LOG_FORMAT",
        help_heading = "Log"
    )]
    pub log_format: LogFormat,

    /// What is logged: a level, or levels by module, as in info,weft_controller=debug
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info",
        env = "WEFT_LOG",
        help_heading = "Log"
    )]
    pub log: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Options that do not go together, or a value that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Others could reach a listener that checks nobody.
    #[error(
        "--listen {0} is not a loopback address, and connections are neither encrypted nor \
         authenticated: listen on 127.0.0.1 or [::1], or add --insecure on a network that you trust"
    )]
    ReachableWithoutIdentity(SocketAddr),
    /// The host has no name that could be used.
    #[error("cannot read the host name: use --name")]
    HostName(#[source] std::io::Error),
}

impl Options {
    /// Refuses what must not be together.
    ///
    /// # Errors
    /// When the listener could be reached by others and nobody said that this is wanted.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.is_exposed() && !self.insecure {
            return Err(OptionsError::ReachableWithoutIdentity(self.listen));
        }
        Ok(())
    }

    /// Whether others than this machine's users can connect.
    pub fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback()
    }

    /// The name to be known by.
    ///
    /// # Errors
    /// When none is given and the host has none.
    pub fn name(&self) -> Result<String, OptionsError> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .map(|name| name.trim().to_owned())
                .map_err(OptionsError::HostName),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn options(args: &[&str]) -> Options {
        let line = std::iter::once("weft-controller").chain(args.iter().copied());
        Options::try_parse_from(line).unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn only_loopback_addresses_are_listened_on_without_insecure() {
        for listen in ["127.0.0.1:7443", "[::1]:7443", "127.8.0.1:0"] {
            assert!(options(&["--listen", listen]).check().is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:7443", "[::]:7443", "10.0.0.1:7443"] {
            let refused = options(&["--listen", listen]).check().unwrap_err();
            assert!(refused.to_string().contains("--insecure"), "{refused}");
            assert!(options(&["--listen", listen, "--insecure"]).check().is_ok());
        }
    }

    #[test]
    fn etcd_members_are_separated_by_commas() {
        assert_eq!(
            options(&["--etcd", "http://a:2379,http://b:2379"])
                .etcd
                .endpoints,
            ["http://a:2379", "http://b:2379"]
        );
    }
}
