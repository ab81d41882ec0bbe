//! What was measured, beside what is to be reached.

use std::fmt;

use serde_json::{Map, Value};

/// Figures of one number of agents, in the order in which they came.
pub struct Figures {
    size: u32,
    all: Vec<(String, f64)>,
}

/// A figure that shall not be above a bound, for a number of nodes.
struct Goal {
    what: &'static str,
    /// For which numbers of agents the goal was set.
    from: u32,
    bound: fn(f64) -> f64,
}

const GOALS: &[Goal] = &[
    Goal {
        what: "all nodes: apply pushed, p99, s",
        from: 10_000,
        bound: |_| 0.3,
    },
    Goal {
        what: "memory of one agent's stream, KiB",
        from: 1_000,
        bound: |_| 48.0,
    },
    Goal {
        what: "memory of the controller, MiB",
        from: 1_000,
        bound: |_| 600.0,
    },
    Goal {
        what: "idle: etcd writes a minute",
        from: 0,
        bound: |_| 0.0,
    },
    Goal {
        what: "idle: processor, % of one",
        from: 0,
        bound: |_| 2.0,
    },
    Goal {
        what: "3 nodes: etcd writes",
        from: 0,
        bound: |_| 24.0,
    },
    Goal {
        what: "all nodes: etcd writes",
        from: 0,
        bound: |nodes| 21.0 + 3.0 * (nodes / 100.0).ceil(),
    },
    Goal {
        what: "3 nodes: stored, KiB",
        from: 0,
        bound: |_| 600.0,
    },
    Goal {
        what: "all nodes: rollout closed, s",
        from: 0,
        bound: |nodes| 2.0 * (nodes / 1_000.0).max(1.0),
    },
    Goal {
        what: "all nodes: apply pushed, last, s",
        from: 0,
        bound: |_| 0.5,
    },
    Goal {
        what: "kill -9: leads again, s",
        from: 0,
        bound: |_| 15.0,
    },
    Goal {
        what: "kill -9: all back, s",
        from: 0,
        bound: |_| 60.0,
    },
    Goal {
        what: "kill -9: orders to change a node",
        from: 0,
        bound: |_| 0.0,
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
                .find(|goal| goal.what == what && goal.from <= self.size);
            if let Some(goal) = goal {
                let bound = (goal.bound)(f64::from(self.size));
                let missed = if *value > bound { "  missed" } else { "" };
                write!(to, "  {bound:>8}  {:>6.2}{missed}", value / bound.max(1e-9))?;
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
    fn a_goal_for_many_agents_is_none_for_few() {
        let mut few = Figures::of(1_000);
        few.put("all nodes: apply pushed, p99, s", 0.4);
        assert!(!few.to_string().contains("missed"));
        let mut many = Figures::of(10_000);
        many.put("all nodes: apply pushed, p99, s", 0.4);
        assert!(many.to_string().contains("missed"));
    }
}
