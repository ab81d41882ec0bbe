//! What the command line may say, and what of it goes together.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nix::errno::Errno;
use weft_model::name::{NameError, NodeName, VnetName};

use crate::connect::{Controller, ControllerError};
use crate::frr;
use crate::ovs::USUAL_SOCKET;

/// Where probes are when nobody says otherwise.
pub const USUAL_PROBES: &str = "/etc/weft/probes.d";

/// Makes this host's network what the cluster's controller says, and keeps it so.
///
/// Without a controller, the network stays as it was last confirmed, through restarts of the agent
/// and of the host.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "weft-agent",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true
)]
pub struct Options {
    /// Something else than running as a service
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to run as a service
    #[command(flatten)]
    pub service: Service,

    /// Where the agent keeps what the node must still know after a restart
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/var/lib/weft-agent",
        env = "WEFT_STATE_DIR"
    )]
    pub state_dir: PathBuf,

    /// The socket of Open vSwitch's database, where zones use bridges of Open vSwitch
    ///
    /// Nothing is done about it on a host that has none.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = USUAL_SOCKET,
        env = "WEFT_OPENVSWITCH"
    )]
    pub openvswitch: PathBuf,

    /// The directory of the sockets of FRR's daemons
    ///
    /// FRR is only spoken to where a plan wants something of it. The agent must be in the group
    /// frrvty, or be root.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/var/run/frr",
        env = "WEFT_FRR_DIR",
        help_heading = "FRR"
    )]
    pub frr_dir: PathBuf,

    /// The file that FRR reads when it starts
    ///
    /// Weft's part of it stands in a block of its own, and all else in it is left as it is. Where
    /// there is no such file, none is made, and FRR is told everything when it is back.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/frr/frr.conf",
        env = "WEFT_FRR_CONFIG",
        help_heading = "FRR"
    )]
    pub frr_config: PathBuf,

    /// FRR's shell
    ///
    /// Lines are checked by it before any is said. It must be of the same FRR as the daemons; where
    /// there are several, or none in the path, give the program.
    #[arg(
        long,
        global = true,
        value_name = "PROGRAM",
        default_value = "vtysh",
        env = "WEFT_VTYSH",
        help_heading = "FRR"
    )]
    pub vtysh: PathBuf,

    /// How log lines are written
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "WEFT_LOG_FORMAT",
        help_heading = "Log"
    )]
    pub log_format: LogFormat,

    /// What is logged: a level, or levels by module, as in info,weft_agent=debug
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        default_value = "info",
        env = "WEFT_LOG",
        help_heading = "Log"
    )]
    pub log: String,
}

impl Options {
    /// Where FRR is.
    pub fn frr(&self) -> frr::Settings {
        frr::Settings {
            run: self.frr_dir.clone(),
            file: self.frr_config.clone(),
            kept: self.state_dir.join("frr.json"),
            vtysh: self.vtysh.clone(),
        }
    }
}

/// How to run as a service.
#[derive(Args, Clone, Debug)]
pub struct Service {
    /// A controller; give several, and they are tried in turn
    #[arg(
        long,
        required = true,
        value_name = "URL",
        value_delimiter = ',',
        env = "WEFT_CONTROLLER"
    )]
    pub controller: Vec<String>,

    /// The node's name in the cluster; left out, the host name
    #[arg(long, value_name = "NAME", env = "WEFT_NODE")]
    pub node: Option<String>,

    /// The directory of the probes that rollouts may ask this node to run, by name
    ///
    /// A probe is an executable file. Directory and file must belong to root, and nobody else may
    /// be able to write them. A probe runs without the agent's rights and with an empty
    /// environment; where the agent is root, as nobody. It fails when it ends with anything but 0,
    /// or not in time, and what it said last is told.
    #[arg(
        long,
        value_name = "DIR",
        default_value = USUAL_PROBES,
        env = "WEFT_PROBE_DIR"
    )]
    pub probe_dir: PathBuf,

    /// Allow a controller on another machine, without encryption
    #[arg(long, env = "WEFT_INSECURE")]
    pub insecure: bool,
}

/// What the agent does besides running as a service.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Show what the node is by its own ledger: what it confirmed, and what is not settled
    Status {
        /// How to show it
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        output: StatusFormat,
    },
    /// Watch over the agent: undo a change at its deadline when the agent does not
    ///
    /// Runs as a service of its own beside the agent, with the same state directory. It waits for
    /// the agent's journal and does nothing else until an unconfirmed change is past its deadline
    /// and no agent undoes it: because there is none, it crashes again and again, or it hangs. Then
    /// it ends a hung agent, goes back to the plan that was last confirmed, and notes that in the
    /// journal, so that the agent says so when it is back.
    Watchdog,
    /// Leave what someone changes of a vnet as it is for a while, instead of putting it right
    ///
    /// For whoever works on this node by hand. What differs is told once and left; when the time is
    /// over it is put right. A rollout, and a start of the agent, make the vnet what it should be
    /// all the same.
    PauseHealing {
        /// The vnets; left out, all of the node
        #[arg(value_name = "VNET")]
        vnets: Vec<VnetName>,
        /// For how long, as in 90s, 30m or 2h
        #[arg(long = "for", value_name = "TIME", default_value = "30m")]
        time: humantime::Duration,
    },
    /// Put right again what someone changes, before the time of a pause is over
    ResumeHealing {
        /// The vnets; left out, everything on the node
        #[arg(value_name = "VNET")]
        vnets: Vec<VnetName>,
    },
    /// Remove every device and rule of Weft's from this host; the agent must not be running
    ///
    /// The ledger stays, so that the agent makes everything again when it is started.
    Cleanup {
        /// Really do it: the guests on this host lose their network
        #[arg(long)]
        yes: bool,
    },
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How the status is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Options that do not go together, or a value that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// A controller's address is none.
    #[error("--controller {url:?} is not an address to connect to")]
    Controller {
        /// The address.
        url: String,
        /// What is wrong with it.
        source: ControllerError,
    },
    /// Others could read and change what is sent.
    #[error(
        "--controller {0} is on another machine, and connections are neither encrypted nor \
         authenticated: use a controller on this machine, or add --insecure on a network that you \
         trust"
    )]
    Unprotected(Controller),
    /// The host has no name that could be used.
    #[error("cannot read the host name: use --node")]
    HostName(#[source] Errno),
    /// The name cannot be a node's.
    #[error("this host cannot have that name in a cluster: use --node")]
    NodeName(#[source] NameError),
}

impl Service {
    /// The controllers, in the order in which they are tried.
    ///
    /// # Errors
    /// When one of them is no address, or is on another machine and nobody said that this is
    /// wanted.
    pub fn controllers(&self) -> Result<Vec<Controller>, OptionsError> {
        let parse = |url: &String| {
            let controller: Controller =
                url.parse().map_err(|source| OptionsError::Controller {
                    url: url.clone(),
                    source,
                })?;
            if controller.is_local() || self.insecure {
                Ok(controller)
            } else {
                Err(OptionsError::Unprotected(controller))
            }
        };
        self.controller.iter().map(parse).collect()
    }

    /// The node's name.
    ///
    /// # Errors
    /// When none is given and the host's cannot be used.
    pub fn node(&self) -> Result<NodeName, OptionsError> {
        let name = match &self.node {
            Some(name) => name.clone(),
            None => nix::unistd::gethostname()
                .map_err(OptionsError::HostName)?
                .to_string_lossy()
                .into_owned(),
        };
        name.parse().map_err(OptionsError::NodeName)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn options(args: &[&str]) -> Options {
        let line = std::iter::once("weft-agent").chain(args.iter().copied());
        Options::try_parse_from(line).unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn controllers_are_given_one_by_one_or_with_commas() {
        let controllers = |args| {
            let controllers = options(args).service.controllers().unwrap();
            controllers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let both = ["http://127.0.0.1:7443", "http://localhost:7444"];
        let separate = ["--controller", both[0], "--controller", both[1]];
        assert_eq!(controllers(&separate[..]), both);
        let joined = both.join(",");
        assert_eq!(controllers(&["--controller", &joined][..]), both);
    }

    #[test]
    fn a_controller_on_another_machine_needs_insecure() {
        for url in [
            "http://127.0.0.1:7443",
            "http://[::1]:7443",
            "http://localhost:1",
        ] {
            let service = options(&["--controller", url]).service;
            assert!(service.controllers().is_ok(), "{url}");
        }
        for url in [
            "http://10.0.0.1:7443",
            "http://[fd00::1]:7443",
            "http://weft.example:7443",
        ] {
            let refused = options(&["--controller", url]).service.controllers();
            assert!(refused.unwrap_err().to_string().contains("--insecure"));
            let service = options(&["--controller", url, "--insecure"]).service;
            assert!(service.controllers().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_service_needs_a_controller_and_a_command_does_not() {
        assert!(Options::try_parse_from(["weft-agent"]).is_err());
        let status = options(&["status", "-o", "json", "--state-dir", "/x"]);
        let output = StatusFormat::Json;
        assert_eq!(status.command, Some(Command::Status { output }));
        assert_eq!(status.state_dir, PathBuf::from("/x"));
    }

    #[test]
    fn a_name_that_no_node_may_have_is_refused() {
        let service = options(&["--controller", "http://[::1]:1", "--node", "a b"]).service;
        assert!(matches!(service.node(), Err(OptionsError::NodeName(_))));
    }
}
