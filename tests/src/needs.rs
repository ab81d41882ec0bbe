//! What a test needs of the kernel that it runs on.
//!
//! # Guarantees
//! Nothing is concluded from a version or a configuration: what is needed is made, in a network
//! namespace that goes at once. A test that says [`needs!`](crate::needs!) first runs where the
//! kernel has all of it, and is counted as skipped, by its name, where it has not; `cargo xtask
//! test` then runs it in the lab of full kernels.

use std::process::{Command, Stdio};

use crate::skip;

/// An ability that a kernel may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Routing domains.
    Vrf,
    /// VLANs of a device, tagged by 802.1Q.
    Vlan,
    /// VLANs of a device, tagged by 802.1ad: service tags.
    ServiceVlan,
    /// Bridges that know VLANs.
    VlanFiltering,
    /// One VXLAN device for many networks, that takes the packets of some only.
    VniFilter,
    /// Devices that go nowhere.
    Dummy,
    /// Several devices as one.
    Bond,
    /// Open vSwitch's data path, with its programs.
    OpenVswitch,
    /// Open vSwitch's programs, which can forward packets by themselves.
    SwitchPrograms,
    /// FRR's daemons and its shell, with the user that they run as.
    Frr,
    /// FRR's newest release beside it, unpacked somewhere.
    NewFrr,
}

impl Need {
    /// Every ability.
    pub const ALL: [Self; 11] = [
        Self::Vrf,
        Self::Vlan,
        Self::ServiceVlan,
        Self::VlanFiltering,
        Self::VniFilter,
        Self::Dummy,
        Self::Bond,
        Self::OpenVswitch,
        Self::SwitchPrograms,
        Self::Frr,
        Self::NewFrr,
    ];

    /// The ability in the words of who reads the list of skipped tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vrf => "routing domains (vrf)",
            Self::Vlan => "VLANs (802.1Q)",
            Self::ServiceVlan => "service VLANs (802.1ad)",
            Self::VlanFiltering => "bridges that filter VLANs",
            Self::VniFilter => "VXLAN devices that filter networks",
            Self::Dummy => "dummy devices",
            Self::Bond => "bonds",
            Self::OpenVswitch => "Open vSwitch",
            Self::SwitchPrograms => "programs of Open vSwitch",
            Self::Frr => "programs of FRR",
            Self::NewFrr => "programs of FRR's newest release",
        }
    }

    /// Whether the kernel has it: makes one in a namespace that goes at once.
    ///
    /// Without root nothing is.
    pub fn is_met(self) -> bool {
        // What a kernel does not know of a device it may pass over in silence, so what is asked for
        // is used as well.
        let script = match self {
            Self::Vrf => "ip link add name one type vrf table 10",
            Self::Vlan => {
                "ip link add name one type bridge &&
                 ip link add link one name two type vlan id 7"
            }
            Self::ServiceVlan => {
                "ip link add name one type bridge &&
                 ip link add link one name two type vlan protocol 802.1ad id 7"
            }
            Self::VlanFiltering => {
                "ip link add name one type bridge vlan_filtering 1 &&
                 bridge vlan add dev one vid 7 self"
            }
            Self::VniFilter => {
                "ip link add name one type vxlan external vnifilter dstport 4789 &&
                 bridge vni add dev one vni 7"
            }
            Self::Dummy => "ip link add name one type dummy",
            Self::Bond => "ip link add name one type bond",
            // The data path makes no device before its programs run.
            Self::OpenVswitch => {
                "for program in ovs-vsctl ovs-vswitchd ovsdb-server; do
                     command -v $program || exit 1
                 done
                 test -d /sys/module/openvswitch || modprobe openvswitch"
            }
            Self::SwitchPrograms => {
                "for program in ovs-vsctl ovs-vswitchd ovsdb-server; do
                     command -v $program || exit 1
                 done
                 test -c /dev/net/tun || modprobe tun"
            }
            Self::NewFrr => "test -x \"$WEFT_NEW_FRR/usr/lib/frr/mgmtd\" && getent passwd frr",
            Self::Frr => "command -v vtysh && test -x /usr/lib/frr/bgpd && getent passwd frr",
        };
        Command::new("unshare")
            .args(["--net", "--", "sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// What a test returns where it cannot be run: it ends well, and is counted as skipped.
pub trait Unrun {
    /// The value.
    fn unrun() -> Self;
}

impl Unrun for () {
    fn unrun() -> Self {}
}

impl<E> Unrun for Result<(), E> {
    fn unrun() -> Self {
        Ok(())
    }
}

/// Whether the kernel has all that a test needs; where it has not, notes it.
///
/// `place` is the path of an item inside the test, from its crate on; [`needs!`](crate::needs!)
/// knows it.
pub fn are_met(place: &str, needs: &[Need]) -> bool {
    let lacking: Vec<_> = needs
        .iter()
        .filter(|need| !need.is_met())
        .map(|need| need.as_str())
        .collect();
    if !lacking.is_empty() {
        let reason = format!("the kernel has no {}", lacking.join(", no "));
        skip::note_for_kernel(&test(place), &reason);
    }
    lacking.is_empty()
}

/// The test that an item belongs to.
fn test(place: &str) -> String {
    let outer = place.rsplit_once("::").map_or(place, |(outer, _)| outer);
    outer.replace("::{{closure}}", "")
}

/// Says what a test needs of the kernel, as its first line; where something is lacking the test
/// ends here, and is counted as skipped.
///
/// ```
/// # use weft_tests::needs;
/// fn tags_are_kept() -> anyhow::Result<()> {
///     needs!(Vlan, VlanFiltering);
///     // What is here runs on kernels that have both.
///     Ok(())
/// }
/// # tags_are_kept().unwrap();
/// ```
#[macro_export]
macro_rules! needs {
    ($($need:ident),+ $(,)?) => {{
        fn here() {}
        let place = ::std::any::type_name_of_val(&here);
        if !$crate::needs::are_met(place, &[$($crate::needs::Need::$need),+]) {
            return $crate::needs::Unrun::unrun();
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_from_its_crate_on() {
        assert_eq!(
            test("fullkernel::vlan::tags_are_kept::here"),
            "fullkernel::vlan::tags_are_kept"
        );
        assert_eq!(
            test("fullkernel::vlan::tags_are_kept::{{closure}}::here"),
            "fullkernel::vlan::tags_are_kept"
        );
    }
}
