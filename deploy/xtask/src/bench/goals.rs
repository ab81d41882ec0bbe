//! The goals, and how what was measured stands to them.

use super::measured::{Measured, shown};

/// A goal: a number, or a ratio of two, that shall not be above a bound.
struct Goal {
    name: &'static str,
    /// What is measured.
    ours: &'static str,
    /// What it is divided by, where the goal is a ratio.
    theirs: Option<&'static str>,
    bound: Bound,
}

/// What is to be reached.
#[derive(Clone, Copy)]
enum Bound {
    /// At most this.
    Most(f64),
    /// The other takes at least so many times as long.
    Faster(f64),
}

const GOALS: &[Goal] = &[
    Goal {
        name: "create all, against ip -batch",
        ours: "create, agent",
        theirs: Some("create, ip -batch"),
        bound: Bound::Most(1.2),
    },
    Goal {
        name: "create all, against ifreload -a",
        ours: "create, agent",
        theirs: Some("ifreload: create all"),
        bound: Bound::Faster(30.0),
    },
    Goal {
        name: "nothing changed, cold, against one list of links",
        ours: "no change, agent cold",
        theirs: Some("link dump"),
        bound: Bound::Most(2.5),
    },
    Goal {
        name: "changes made when nothing changed, cold",
        ours: "no change, agent cold, steps",
        theirs: None,
        bound: Bound::Most(0.0),
    },
    Goal {
        name: "steps for one vnet added",
        ours: "one vnet added, steps",
        theirs: None,
        bound: Bound::Most(12.0),
    },
    Goal {
        name: "changes made when nothing changed, mirror warm",
        ours: "no change, mirror warm, steps",
        theirs: None,
        bound: Bound::Most(0.0),
    },
    Goal {
        name: "delete all on the commit path, against create",
        ours: "delete all, on the commit path",
        theirs: Some("create, agent"),
        bound: Bound::Most(1.0),
    },
    Goal {
        name: "one vnet added, against ifreload -a",
        ours: "one vnet added, mean",
        theirs: Some("ifreload: one added"),
        bound: Bound::Faster(50.0),
    },
    Goal {
        name: "agent's memory, MiB",
        ours: "memory of agent and plan, MiB",
        theirs: None,
        bound: Bound::Most(64.0),
    },
    Goal {
        name: "compile one node at 1,000 vnets",
        ours: "compile one node",
        theirs: None,
        bound: Bound::Most(0.002),
    },
    Goal {
        name: "compile one changed vnet",
        ours: "compile one changed vnet",
        theirs: None,
        bound: Bound::Most(0.000_05),
    },
    Goal {
        name: "objects visited for one changed vnet",
        ours: "objects visited for one changed vnet",
        theirs: None,
        bound: Bound::Most(1.0),
    },
];

/// One line a goal and size.
pub fn table(sizes: &[u32], measured: &Measured) -> String {
    let mut text = format!(
        "{:<50} {:>6}  {:>12}  {:>12}  {:>14}  {}\n",
        "goal", "vnets", "ours", "theirs", "ratio", "reached"
    );
    for goal in GOALS {
        for size in sizes {
            if goal.name.contains("at 1,000") && *size != 1_000 {
                continue;
            }
            text.push_str(&line(goal, *size, measured));
            text.push('\n');
        }
    }
    text
}

fn line(goal: &Goal, size: u32, measured: &Measured) -> String {
    let start = format!("{:<50} {size:>6}  ", goal.name);
    let Some(ours) = measured.get(goal.ours, size) else {
        return format!("{start}{}", measured.reason(goal.ours));
    };
    let theirs = match goal.theirs {
        None => None,
        Some(theirs) => match measured.get(theirs, size) {
            Some(theirs) => Some(theirs),
            None => {
                let ours = shown(goal.ours, ours);
                return format!("{start}{ours:>12}  {}", measured.reason(theirs));
            }
        },
    };
    let (ratio, reached, goal_shown) = match (goal.bound, theirs) {
        (Bound::Most(bound), None) => (String::new(), ours <= bound, shown(goal.ours, bound)),
        (Bound::Most(bound), Some(theirs)) => {
            let ratio = ours / theirs;
            (format!("{ratio:.2}"), ratio <= bound, format!("{bound}"))
        }
        (Bound::Faster(bound), theirs) => {
            let ratio = theirs.unwrap_or_default() / ours;
            (format!("{ratio:.1}x"), ratio >= bound, format!("{bound}x"))
        }
    };
    let word = if reached { "yes" } else { "no" };
    let theirs = theirs
        .zip(goal.theirs)
        .map(|(value, what)| shown(what, value));
    let (ours, theirs) = (shown(goal.ours, ours), theirs.unwrap_or_default());
    format!("{start}{ours:>12}  {theirs:>12}  {ratio:>14}  {word} (goal {goal_shown})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(ours: f64, theirs: Option<f64>, bound: Bound) -> bool {
        let goal = Goal {
            name: "it",
            ours: "ours",
            theirs: theirs.map(|_| "theirs"),
            bound,
        };
        let mut measured = Measured::default();
        measured.put("ours", 10, ours);
        if let Some(theirs) = theirs {
            measured.put("theirs", 10, theirs);
        }
        line(&goal, 10, &measured).contains("  yes ")
    }

    #[test]
    fn a_bound_holds_up_to_itself() {
        assert!(reached(12.0, None, Bound::Most(12.0)));
        assert!(!reached(13.0, None, Bound::Most(12.0)));
        assert!(reached(1.2, Some(1.0), Bound::Most(1.2)));
        assert!(!reached(1.3, Some(1.0), Bound::Most(1.2)));
        assert!(reached(1.0, Some(30.0), Bound::Faster(30.0)));
        assert!(!reached(1.0, Some(29.0), Bound::Faster(30.0)));
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let mut measured = Measured::default();
        measured.put("create, agent", 1_000, 0.5);
        measured.put("create, ip -batch", 1_000, 0.5);
        measured.lack("ifreload: create all", "WEFT_IFUPDOWN2 is not given");
        let table = table(&[1_000], &measured);
        assert!(table.contains("WEFT_IFUPDOWN2 is not given"), "{table}");
        assert!(table.contains("not measured"), "{table}");
    }
}
