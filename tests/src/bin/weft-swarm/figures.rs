//! What was measured, beside what is to be reached.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Figures of one number of agents, in the order in which they came.
pub struct Figures {
    size: u32,
    all: Vec<(String, f64)>,
}

/// A figure that shall not be above a bound.
struct Goal {
    what: &'static str,
    /// For which numbers of agents the goal was set.
    sizes: RangeInclusive<u32>,
    /// None while what it is compared with is not measured.
    bound: fn(&Figures) -> Option<f64>,
}

const ANY: RangeInclusive<u32> = 0..=u32::MAX;

/// Of fewer agents, what does not grow with them would be the most.
const MANY: RangeInclusive<u32> = 1_000..=u32::MAX;

const GOALS: &[Goal] = &[
    Goal {
        what: "all nodes: apply pushed, p99, s",
        sizes: MANY,
        bound: |figures| Some(2.5 * figures.value("floor: pushed, p99, s")?),
    },
    Goal {
        what: "memory of one agent's stream, KiB",
        sizes: MANY,
        bound: |_| Some(48.0),
    },
    Goal {
        what: "memory of the controller, MiB",
        sizes: MANY,
        bound: |_| Some(600.0),
    },
    Goal {
        what: "idle: etcd writes a minute",
        sizes: ANY,
        bound: |_| Some(0.0),
    },
    Goal {
        what: "idle: processor, % of one",
        sizes: ANY,
        bound: |_| Some(2.0),
    },
    Goal {
        what: "3 nodes: etcd writes",
        sizes: ANY,
        bound: |_| Some(24.0),
    },
    Goal {
        what: "all nodes: etcd writes",
        sizes: ANY,
        bound: |figures| Some(21.0 + 3.0 * f64::from(figures.size.div_ceil(100))),
    },
    Goal {
        what: "3 nodes: stored, KiB",
        sizes: ANY,
        bound: |_| Some(600.0),
    },
    Goal {
        what: "all nodes: rollout closed, s",
        sizes: 1_000..=1_000,
        bound: |_| Some(2.0),
    },
    Goal {
        what: "all nodes: apply pushed, last, s",
        sizes: 1_000..=1_000,
        bound: |_| Some(0.5),
    },
    Goal {
        what: "watchers: shown a change beside stuck ones, p99, s",
        sizes: ANY,
        bound: |figures| Some(1.1 * figures.value("watchers: shown a change, p99, s")?),
    },
    Goal {
        what: "watchers: memory of a stuck one, KiB",
        sizes: MANY,
        bound: |_| Some(64.0),
    },
    Goal {
        what: "soak: more open files",
        sizes: ANY,
        bound: |_| Some(0.0),
    },
    Goal {
        what: "kill -9: leads again, s",
        sizes: ANY,
        bound: |_| Some(15.0),
    },
    Goal {
        what: "kill -9: all back, s",
        sizes: ANY,
        bound: |_| Some(60.0),
    },
    Goal {
        what: "kill -9: orders to change a node",
        sizes: ANY,
        bound: |_| Some(0.0),
    },
];

impl Figures {
    /// None yet.
    pub fn of(size: u32) -> Self {
        Self {
            size,
            all: Vec::new(),
        }
    }

    /// Notes a figure.
    pub fn put(&mut self, what: &str, value: f64) {
        self.all.push((what.to_owned(), value));
    }

    /// Notes a figure where it is worse than the one before.
    pub fn most(&mut self, what: &str, value: f64) {
        match self.all.iter_mut().find(|(of, _)| of == what) {
            Some((_, before)) => *before = before.max(value),
            None => self.put(what, value),
        }
    }

    /// Notes the middle, the one in a hundred, and the last of some times in seconds.
    pub fn spread(&mut self, what: &str, mut times: Vec<f64>) {
        times.sort_by(f64::total_cmp);
        let last = times.len().saturating_sub(1);
        for (word, at) in [
            ("p50", last.div_ceil(2)),
            ("p99", (last * 99).div_ceil(100)),
            ("last", last),
        ] {
            if let Some(time) = times.get(at) {
                self.most(&format!("{what}, {word}, s"), *time);
            }
        }
    }

    /// A figure that was noted.
    pub fn value(&self, what: &str) -> Option<f64> {
        let (_, value) = self.all.iter().find(|(of, _)| of == what)?;
        Some(*value)
    }

    /// Notes all figures of others under a heading.
    pub fn take(&mut self, heading: &str, others: &Self) {
        for (what, value) in &others.all {
            self.put(&format!("{heading}: {what}"), *value);
        }
    }

    /// All of them by name.
    pub fn to_json(&self) -> Value {
        let figures = self.all.iter();
        let figures = figures.map(|(what, value)| (what.clone(), Value::from(*value)));
        let mut all: Map<String, Value> = figures.collect();
        all.insert("agents".to_owned(), self.size.into());
        all.into()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            to,
            "{:<48} {:>10}  {:>8}  {:>6}",
            format!("{} agents", self.size),
            "measured",
            "goal",
            "ratio"
        )?;
        for (what, value) in &self.all {
            write!(to, "{what:<48} {value:>10.3}")?;
            let goal = GOALS
                .iter()
                .find(|goal| goal.what == what && goal.sizes.contains(&self.size));
            if let Some(bound) = goal.and_then(|goal| (goal.bound)(self)) {
                let missed = if *value > bound { "  missed" } else { "" };
                write!(
                    to,
                    "  {bound:>8.3}  {:>6.2}{missed}",
                    value / bound.max(1e-9)
                )?;
            }
            writeln!(to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_repeated_figures_is_kept_and_the_last_of_few_is_their_p99() {
        let mut figures = Figures::of(3);
        figures.spread("it", vec![0.3, 0.1, 0.2]);
        figures.spread("it", vec![0.1, 0.1, 0.5]);
        assert_eq!(
            figures.to_json(),
            serde_json::json!({
                "agents": 3, "it, p50, s": 0.2, "it, p99, s": 0.5, "it, last, s": 0.5
            })
        );
    }

    #[test]
    fn a_goal_holds_for_the_numbers_of_agents_that_it_speaks_of() {
        let missed = |size: u32| {
            let mut figures = Figures::of(size);
            figures.put("all nodes: rollout closed, s", 4.0);
            figures.to_string().contains("missed")
        };
        assert_eq!([999, 1_000, 10_000].map(missed), [false, true, false]);
    }

    #[test]
    fn a_push_is_held_against_the_floor_of_the_same_run() {
        let mut figures = Figures::of(10_000);
        figures.put("all nodes: apply pushed, p99, s", 0.4);
        assert!(!figures.to_string().contains("missed"));
        figures.put("floor: pushed, p99, s", 0.17);
        assert!(!figures.to_string().contains("missed"));
        let mut figures = Figures::of(10_000);
        figures.put("floor: pushed, p99, s", 0.15);
        figures.put("all nodes: apply pushed, p99, s", 0.4);
        assert!(figures.to_string().contains("missed"));
    }
}
