//! The situations that the peer is known by: our plan for each has the facts that its node ends
//! with, and the kernel has them when the plan is applied.
//!
//! Differences that are meant are in `pve_cases/accepted.rs` with their reasons, and for people in
//! `accepted-differences.md`; any other fails, and so does one that no longer occurs.
//!
//! The situations do not belong to this repository: they are in `../shared/pve-cases`, or below
//! the folder that `WEFT_SHARED` names. Without them the tests are counted as skipped.

// Clippy takes only the test functions themselves for tests.
#![allow(clippy::unwrap_used)]

#[path = "pve_cases/accepted.rs"]
mod accepted;
#[path = "pve_cases/case.rs"]
mod case;
#[path = "pve_cases/facts.rs"]
mod facts;
#[path = "pve_cases/host.rs"]
mod host;
#[path = "pve_cases/kernel.rs"]
mod kernel;

use std::collections::BTreeSet;

use case::Case;
use facts::{Difference, compare, flat};
use weft_tests::{needs, skip};

/// The situations, unless there are none here.
fn cases(test: &str) -> Option<Vec<Case>> {
    let cases = case::all();
    if cases.is_none() {
        let folder = case::folder().display().to_string();
        skip::note(
            test,
            &format!("the situations of the peer are not in {folder}"),
        );
    }
    cases
}

#[test]
fn the_plan_for_every_situation_of_the_peer_has_its_facts() {
    let Some(cases) = cases("pve_cases_plan") else {
        return;
    };
    let mut found = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let plan = case.weftctl(&["-o", "json"]);
        let differences = compare(&flat(&case.expected), &flat(&plan));
        for difference in differences {
            match accepted::rule(case, &difference) {
                Some(rule) => {
                    found.insert((rule.name, case.name.clone()));
                }
                None => wrong.push(format!("{}: {difference}", case.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));

    // A rule that is no longer needed hides the next mistake.
    let present: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    for rule in accepted::RULES {
        for name in rule
            .occurs_in
            .iter()
            .filter(|name| present.contains(**name))
        {
            assert!(
                found.contains(&(rule.name, (*name).to_owned())),
                "{} no longer occurs in {name}: take it out of accepted.rs and \
                 accepted-differences.md",
                rule.name
            );
        }
    }
    println!("{} situations compared", cases.len());
}

#[test]
fn lines_that_contradict_their_zone_are_refused_each_by_its_number() {
    let Some(case) = case::contradicting() else {
        skip::note("pve_cases_contradicting", "the situation is not here");
        return;
    };
    let refused = case.planned(&[]).unwrap_err().to_string();
    let line = "frrsnippet/frr-conf-local: spec.text: line 5: \"vni 1005\": the VNI of a routing \
                domain is its zone's: set `vrfVni` of the zone";
    assert!(refused.contains(line), "{refused}");
    assert_eq!(refused.matches("error: ").count(), 1, "{refused}");
}

#[test]
fn the_kernel_has_the_facts_of_every_situation_when_its_plan_is_applied() {
    let Some(cases) = cases("pve_cases_kernel") else {
        return;
    };
    apply(
        cases
            .iter()
            .filter(|case| !case.is_tagged() && !case.is_routed()),
    );
}

#[test]
fn the_kernel_has_the_facts_of_every_vlan_and_qinq_situation_when_its_plan_is_applied() {
    let Some(cases) = cases("pve_cases_vlans") else {
        return;
    };
    needs!(Vlan, VlanFiltering, SwitchPrograms);
    apply(cases.iter().filter(|case| case.is_tagged()));
}

#[test]
fn the_kernel_and_frr_have_the_facts_of_every_evpn_situation_when_its_plan_is_applied() {
    let Some(cases) = cases("pve_cases_evpn") else {
        return;
    };
    needs!(Vrf, Frr);
    apply(cases.iter().filter(|case| case.is_routed()));
}

/// Applies the plan of every situation and compares what is there then.
fn apply<'a>(cases: impl Iterator<Item = &'a Case>) {
    let mut applied = 0;
    for case in cases {
        let said = case.weftctl(&["-o", "json"]);
        let plan = serde_json::from_value(case.weftctl(&["-o", "plan"])).unwrap();
        let Some(seen) = kernel::apply_and_read(case, plan) else {
            assert_eq!(
                case.name, "evpn-ipv6underlay",
                "only tunnels of IPv6 ask more"
            );
            continue;
        };
        applied += 1;
        let (said, seen) = (flat(&said), flat(&seen));
        let expected = flat(&case.expected);
        // The kernel knows more of a device than anybody says of it.
        let named = |fact: &&str| said.contains_key(*fact) || expected.contains_key(*fact);
        let seen: facts::Facts = seen
            .into_iter()
            .filter(|(fact, _)| named(&fact.as_str()))
            .collect();
        assert_eq!(compare(&said, &seen), [], "{}: against the plan", case.name);
        let others: Vec<Difference> = compare(&expected, &seen)
            .into_iter()
            .filter(|difference| accepted::rule(case, difference).is_none())
            .collect();
        assert_eq!(others, [], "{}: against the peer", case.name);
    }
    println!("{applied} situations applied");
    assert!(applied > 0, "no situation of this kind is there");
}

#[test]
fn every_accepted_difference_is_explained_to_people() {
    let page = include_str!("../accepted-differences.md");
    for rule in accepted::RULES {
        assert!(page.contains(&format!("## {}", rule.name)), "{}", rule.name);
        for case in rule.occurs_in {
            assert!(page.contains(&format!("`{case}`")), "{}: {case}", rule.name);
        }
    }
}
