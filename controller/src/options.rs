//! What the command line may say, and what of it goes together.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use weft_core::rollout::policy::Policy;
use weft_model::clock::Span;
use weft_model::message::Gates;
use weft_model::name::ProbeName;

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

    /// How many seconds the other controllers wait for a leader that does not answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(2..=60),
        env = "WEFT_LEADER_LEASE"
    )]
    pub leader_lease: u32,

    /// How to reach etcd.
    #[command(flatten, next_help_heading = "etcd")]
    pub etcd: EtcdOptions,

    /// What a rollout waits for.
    #[command(flatten, next_help_heading = "Rollouts")]
    pub rollouts: RolloutOptions,

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

/// What a rollout waits for.
#[derive(Args, Clone, Debug)]
pub struct RolloutOptions {
    /// How many seconds a node stands by a change that is not confirmed without a word from the
    /// controller; then it returns by itself, and the rollout is aborted
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(3..=600),
        env = "WEFT_CONTACT_LEASE"
    )]
    pub contact_lease: u32,

    /// How many seconds pass between two words of the controller; a third of --contact-lease at
    /// most, so that one may be lost
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=200),
        env = "WEFT_KEEP_ALIVE"
    )]
    pub keep_alive: u32,

    /// How many seconds all nodes together have to check and stage a change
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u32).range(1..=3_600),
        env = "WEFT_PREPARE_LIMIT"
    )]
    pub prepare_limit: u32,

    /// How many seconds a decided rollout waits for nodes to hear of it before it closes without
    /// them
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..=3_600),
        env = "WEFT_SETTLE_LIMIT"
    )]
    pub settle_limit: u32,

    /// How many seconds all nodes must stand by a change that is verified everywhere before it is
    /// kept, where the user does not say; at the end every node is asked once more
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..=86_400),
        env = "WEFT_SOAK"
    )]
    pub soak: u32,

    /// Probes that every rollout asks nodes to pass, by name; each node's administrator says what
    /// a name stands for (weft-agent --probe-dir)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', env = "WEFT_PROBES")]
    pub probes: Vec<ProbeName>,

    /// How many seconds a probe may take, where the user does not say
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=60),
        env = "WEFT_PROBE_LIMIT"
    )]
    pub probe_limit: u32,
}

impl RolloutOptions {
    /// How a rollout goes where the user does not say.
    pub fn policy(&self) -> Policy {
        Policy {
            contact: Span::from_secs(self.contact_lease.into()),
            keep_alive: Span::from_secs(self.keep_alive.into()),
            prepare: Span::from_secs(self.prepare_limit.into()),
            settle: Span::from_secs(self.settle_limit.into()),
            soak: Span::from_secs(self.soak.into()),
            gates: Gates {
                probes: self.probes.iter().cloned().collect(),
                limit: Span::from_secs(self.probe_limit.into()),
                sessions_may_fall: false,
            },
            ..Policy::default()
        }
    }
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
    /// Nodes would return because of one late word.
    #[error(
        "--keep-alive {keep_alive} is more than a third of --contact-lease {contact_lease}: one \
         late word would make nodes return; shorten the one, or lengthen the other"
    )]
    KeepAlive {
        /// Seconds between two words.
        keep_alive: u32,
        /// Seconds without a word.
        contact_lease: u32,
    },
    /// The host has no name that could be used.
    #[error("cannot read the host name: use --name")]
    HostName(#[source] std::io::Error),
}

impl Options {
    /// Refuses what must not be together.
    ///
    /// # Errors
    /// When the listener could be reached by others and nobody said that this is wanted, or words
    /// to nodes come too seldom.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.is_exposed() && !self.insecure {
            return Err(OptionsError::ReachableWithoutIdentity(self.listen));
        }
        let RolloutOptions {
            contact_lease,
            keep_alive,
            ..
        } = self.rollouts;
        if keep_alive.saturating_mul(3) > contact_lease {
            return Err(OptionsError::KeepAlive {
                keep_alive,
                contact_lease,
            });
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
    fn without_options_a_controller_waits_as_the_protocol_says() {
        let options = options(&[]);
        let usual = Policy::default();
        let gates = Gates {
            limit: Span::from_secs(10),
            ..usual.gates.clone()
        };
        assert_eq!(options.rollouts.policy(), Policy { gates, ..usual });
        let lease = std::time::Duration::from_secs(options.leader_lease.into());
        assert_eq!(lease, crate::leader::LEASE);
    }

    #[test]
    fn a_word_to_nodes_may_be_lost() {
        let lease = |lease, every| {
            options(&["--contact-lease", lease, "--keep-alive", every])
                .check()
                .is_ok()
        };
        assert!(lease("3", "1"));
        assert!(!lease("3", "2"));
        assert!(!lease("30", "11"));
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
