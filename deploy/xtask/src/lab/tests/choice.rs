//! Which tests are run in the lab.

use std::collections::BTreeSet;

/// A choice of tests of `weft-tests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Those whose program or name has this in it.
    Named(String),
    /// [`ESSENTIALS`], and these besides, by their path from the crate on.
    Essentials(Vec<String>),
}

/// What shows that the product works on a full kernel, by the program of tests; where no test is
/// named, all of it.
///
/// A kernel that is emulated is slow: one scenario of each kind is enough, since all of them run
/// on the machine's own kernel.
const ESSENTIALS: [(&str, &[&str]); 3] = [
    ("fullkernel", &[]),
    (
        "netns",
        &[
            "random_plans_one_after_the_other_are_each_reached_and_read_back",
            "an_empty_plan_takes_all_of_ours_away_and_nothing_else",
        ],
    ),
    (
        "e2e",
        &[
            "atomic::a_node_that_refuses_leaves_every_node_as_it_was",
            "reboot::a_node_that_boots_without_a_controller_has_its_network",
            "traffic::guests_reach_each_other_over_ipv4_whole_to_the_byte_and_no_other_vnet",
            "traffic::guests_reach_the_outside_with_the_address_of_their_node",
        ],
    ),
];

/// The program of the test that cuts the lab's power: it has a lab for itself.
pub const POWER_CUT: &str = "powercut";

impl Choice {
    /// The choice in the words of nextest, which takes it for a mistake to ask for a program that
    /// is not among these.
    pub fn filterset(&self, programs: &[String]) -> String {
        let chosen = match self {
            Self::Named(text) if programs.iter().any(|name| name.contains(text.as_str())) => {
                format!("binary(~{text}) | test(~{text})")
            }
            Self::Named(text) => format!("test(~{text})"),
            Self::Essentials(more) => ESSENTIALS
                .iter()
                .map(|(program, tests)| match tests {
                    [] => format!("binary(={program})"),
                    tests => {
                        let tests: Vec<_> =
                            tests.iter().map(|test| format!("test(={test})")).collect();
                        format!("(binary(={program}) & ({}))", tests.join(" | "))
                    }
                })
                .chain(more.iter().filter_map(|path| {
                    let (program, test) = path.split_once("::")?;
                    Some(format!("(binary(={program}) & test(={test}))"))
                }))
                .collect::<Vec<_>>()
                .join(" | "),
        };
        format!("package(=weft-tests) & ({chosen}) - binary(={POWER_CUT})")
    }

    /// What cargo is told to build of the programs of tests: no more than may be chosen from.
    pub fn targets(&self) -> Vec<String> {
        match self {
            Self::Named(_) => vec!["--tests".to_owned()],
            Self::Essentials(more) => {
                let essential = ESSENTIALS.iter().map(|(program, _)| *program);
                let besides = more
                    .iter()
                    .filter_map(|path| Some(path.split_once("::")?.0));
                let all: BTreeSet<&str> = essential.chain(besides).collect();
                all.into_iter()
                    .filter(|program| *program != POWER_CUT)
                    .flat_map(|program| ["--test".to_owned(), program.to_owned()])
                    .collect()
            }
        }
    }

    /// Whether there may be anything in it for the lab that all share.
    pub fn is_shared(&self) -> bool {
        *self != Self::Named(POWER_CUT.to_owned())
    }

    /// Whether the test that cuts the power is in it.
    pub fn cuts_power(&self) -> bool {
        match self {
            Self::Named(text) => POWER_CUT.contains(text.as_str()),
            Self::Essentials(_) => true,
        }
    }

    /// The arguments of each run of a program of tests; none where nothing of it is chosen.
    pub fn arguments(&self, program: &str) -> Vec<Vec<String>> {
        match self {
            _ if program == POWER_CUT => Vec::new(),
            Self::Named(text) if program.contains(text.as_str()) => vec![Vec::new()],
            Self::Named(text) => vec![vec![text.clone()]],
            Self::Essentials(more) => {
                let whole = ESSENTIALS.contains(&(program, &[]));
                if whole {
                    return vec![Vec::new()];
                }
                let essential = ESSENTIALS
                    .iter()
                    .filter(|(name, _)| *name == program)
                    .flat_map(|(_, tests)| tests.iter().map(|&test| test.to_owned()));
                let besides = more.iter().filter_map(|path| {
                    let (name, test) = path.split_once("::")?;
                    (name == program).then(|| test.to_owned())
                });
                let tests: Vec<String> = essential.chain(besides).collect();
                if tests.is_empty() {
                    return Vec::new();
                }
                vec![["--exact".to_owned()].into_iter().chain(tests).collect()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn besides() -> Choice {
        Choice::Essentials(vec!["vlan::tags::are_kept".to_owned()])
    }

    #[test]
    fn nextest_is_told_the_essentials_and_what_was_skipped_elsewhere() {
        let told = besides().filterset(&[]);
        assert!(told.starts_with("package(=weft-tests) & (binary(=fullkernel) | "));
        assert!(told.ends_with(" | (binary(=vlan) & test(=tags::are_kept))) - binary(=powercut)"));
    }

    #[test]
    fn programs_of_tests_are_told_the_same_and_no_other_is_built() {
        let none: Vec<Vec<String>> = Vec::new();
        assert_eq!(besides().arguments("fullkernel"), [Vec::<String>::new()]);
        assert_eq!(besides().arguments("golden"), none);
        assert_eq!(besides().arguments("vlan"), [["--exact", "tags::are_kept"]]);
        assert_eq!(besides().arguments("netns")[0].len(), 3);
        let programs = ["e2e", "fullkernel", "netns", "vlan"];
        let targets: Vec<_> = programs.iter().flat_map(|name| ["--test", name]).collect();
        assert_eq!(besides().targets(), targets);
    }

    #[test]
    fn the_test_that_cuts_the_power_has_a_lab_for_itself() {
        let named = |text: &str| Choice::Named(text.to_owned());
        assert!(besides().is_shared() && besides().cuts_power());
        assert!(named("vlan").is_shared() && !named("vlan").cuts_power());
        assert!(!named("powercut").is_shared() && named("powercut").cuts_power());
        let more = Choice::Essentials(vec!["powercut::hosts_boot".to_owned()]);
        assert!(!more.targets().contains(&POWER_CUT.to_owned()));
        assert_eq!(more.arguments("powercut"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_name_chooses_a_program_or_tests_of_any() {
        let named = Choice::Named("vlan".to_owned());
        assert_eq!(
            named.filterset(&["vlans".to_owned()]),
            "package(=weft-tests) & (binary(~vlan) | test(~vlan)) - binary(=powercut)"
        );
        assert_eq!(
            named.filterset(&["e2e".to_owned()]),
            "package(=weft-tests) & (test(~vlan)) - binary(=powercut)"
        );
        assert_eq!(named.arguments("vlan"), [Vec::<String>::new()]);
        assert_eq!(named.arguments("e2e"), [["vlan"]]);
    }
}
