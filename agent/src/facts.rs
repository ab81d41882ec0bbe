//! What this node is and what it is able to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::libc::EOPNOTSUPP;
use nix::sys::utsname::uname;
use weft_model::facts::{DeviceType, Facts, FrrFacts};
use weft_model::prefix::Family;
use weft_model::text::Text;

use crate::mirror::Mirror;
use crate::netlink::requests::{Counters, Requests};
use crate::netlink::{encode, network};
use crate::sysctl;

/// What does not change while the agent runs.
#[derive(Clone, Debug)]
pub(crate) struct Constants {
    kernel: Text,
    device_types: BTreeSet<DeviceType>,
    nft: Option<Text>,
}

impl Constants {
    pub(crate) fn find(
        requests: &mut Requests,
        nft: Option<&str>,
        counters: &mut Counters,
    ) -> std::io::Result<Self> {
        let kernel = uname().map_or_else(
            |_| String::new(),
            |name| name.release().to_string_lossy().into_owned(),
        );
        let mut device_types = BTreeSet::new();
        // What a switch makes is no matter of the kernel alone.
        let kinds = DeviceType::ALL.into_iter();
        for kind in kinds.filter(|kind| *kind != DeviceType::OpenVswitch) {
            if is_able(requests, kind, &kernel, counters)? {
                device_types.insert(kind);
            }
        }
        Ok(Self {
            kernel: kernel.parse().unwrap_or_default(),
            device_types,
            nft: nft.and_then(|version| version.parse().ok()),
        })
    }

    pub(crate) fn has_nft(&self) -> bool {
        self.nft.is_some()
    }
}

/// The facts as they are now.
pub(crate) fn facts(
    constants: &Constants,
    mirror: &Mirror,
    has_switch: bool,
    frr: Option<FrrFacts>,
) -> Facts {
    let switched = has_switch.then_some(DeviceType::OpenVswitch);
    Facts {
        kernel: constants.kernel.clone(),
        agent: env!("CARGO_PKG_VERSION").parse().unwrap_or_default(),
        device_types: constants
            .device_types
            .iter()
            .copied()
            .chain(switched)
            .collect(),
        links: mirror.foreign_links().collect(),
        bridges: mirror.foreign_bridges().collect(),
        default_ipv4: mirror.default_link(Family::Ipv4),
        default_ipv6: mirror.default_link(Family::Ipv6),
        forwarding: [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter(|family| sysctl::host_forwards(*family))
            .collect(),
        nft: constants.nft.clone(),
        frr,
    }
}

/// Whether the kernel can make devices of a type. No device is made to find out.
fn is_able(
    requests: &mut Requests,
    kind: DeviceType,
    kernel: &str,
    counters: &mut Counters,
) -> std::io::Result<bool> {
    if let Some(module) = makes_devices_when_loaded(kind)
        && !Path::new("/sys/module").join(module).exists()
        && can_be_loaded(module, kernel)
    {
        return Ok(true);
    }
    if kind == DeviceType::Bundle {
        // A kernel that has no list of networks takes a device for many without one; but it does
        // not know what a list is either.
        return match requests.dump(&network::all(), |_| None::<()>, counters) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(EOPNOTSUPP) => Ok(false),
            Err(error) => Err(error),
        };
    }
    counters.questions += 1;
    let answers = requests.batch(&mut [encode::probe(kind)])?;
    Ok(answers
        .into_iter()
        .all(|answer| answer.is_err_and(|nack| nack.errno != EOPNOTSUPP)))
}

/// Asking for such a type would load its module, and the module makes a device of its own.
fn makes_devices_when_loaded(kind: DeviceType) -> Option<&'static str> {
    match kind {
        DeviceType::Dummy => Some("dummy"),
        DeviceType::Bond => Some("bonding"),
        DeviceType::Bridge
        | DeviceType::Vxlan
        | DeviceType::Bundle
        | DeviceType::Vlan
        | DeviceType::Vrf
        | DeviceType::Veth
        | DeviceType::OpenVswitch => None,
    }
}

fn can_be_loaded(module: &str, kernel: &str) -> bool {
    let list = Path::new("/lib/modules").join(kernel).join("modules.dep");
    let needle = format!("/{module}.ko");
    fs::read_to_string(list).is_ok_and(|text| text.contains(&needle))
}
