//! Bonds: only the options that the mode has, and a primary that is a member.

use weft_model::bond::BondMode;
use weft_model::object::HostNetwork;
use weft_model::object::host_network::InterfaceKind;

use super::Spot;
use crate::validate::finding::Findings;

pub(super) fn check(host: &HostNetwork, findings: &mut Findings) {
    for spot in Spot::all(host) {
        let InterfaceKind::Bond(bond) = &spot.interface.kind else {
            continue;
        };
        let mode = bond.mode;
        let mut refuse = |field: &str, given: bool, has: fn(BondMode) -> bool| {
            if given && !has(mode) {
                let modes: Vec<&str> = BondMode::ALL
                    .iter()
                    .filter(|mode| has(**mode))
                    .map(|mode| mode.as_str())
                    .collect();
                let problem = format!("mode {mode} has no such option");
                let advice = format!("leave it out, or use mode {}", modes.join(" or "));
                spot.error(field, problem, advice, findings);
            }
        };
        refuse(
            "bond.lacpRate",
            bond.lacp_rate.is_some(),
            BondMode::has_lacp,
        );
        refuse(
            "bond.xmitHashPolicy",
            bond.xmit_hash_policy.is_some(),
            BondMode::has_hash_policy,
        );
        refuse(
            "bond.primary",
            bond.primary.is_some(),
            BondMode::has_primary,
        );
        if let Some(primary) = &bond.primary
            && !bond.members.contains(primary)
        {
            let problem = format!("{primary} is no member of the bond");
            let advice = "name one of the members, or add it to them";
            spot.error("bond.primary", problem, advice, findings);
        }
        if bond.members.is_empty() {
            let problem = "the bond has no members, and nothing leaves by it".to_owned();
            spot.warn("bond.members", problem, "list its network cards", findings);
        }
    }
}
