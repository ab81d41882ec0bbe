//! Numbers by what they are of: what was done, and with how many vnets.

use std::collections::BTreeMap;
use std::fmt;

/// What was measured so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    values: BTreeMap<(String, u32), f64>,
    /// What could not be measured, with the reason.
    missing: BTreeMap<String, String>,
}

impl Measured {
    /// Notes a number.
    pub fn put(&mut self, what: impl Into<String>, size: u32, value: f64) {
        self.values.insert((what.into(), size), value);
    }

    /// Notes that something is not measured, and why.
    pub fn lack(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.missing.insert(what.into(), reason.into());
    }

    /// The number, where it was measured.
    pub fn get(&self, what: &str, size: u32) -> Option<f64> {
        self.values.get(&(what.to_owned(), size)).copied()
    }

    /// Why it was not measured.
    pub fn reason(&self, what: &str) -> &str {
        self.missing
            .get(what)
            .map_or("not measured", String::as_str)
    }

    /// Notes every line `what<TAB>size<TAB>number`; other lines are for people.
    pub fn read(&mut self, text: &str) {
        for line in text.lines() {
            let mut parts = line.split('\t');
            if let (Some(what), Some(size), Some(value)) =
                (parts.next(), parts.next(), parts.next())
                && let (Ok(size), Ok(value)) = (size.parse(), value.parse())
            {
                self.put(what, size, value);
            }
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((what, size), value) in &self.values {
            writeln!(f, "{what:<48} {size:>6}  {}", shown(what, *value))?;
        }
        for (what, reason) in &self.missing {
            writeln!(f, "{what:<48} {:>6}  {reason}", "-")?;
        }
        Ok(())
    }
}

/// A number of this as people read it.
pub fn shown(what: &str, value: f64) -> String {
    if what.contains("MiB") {
        format!("{value:.1}")
    } else if what.contains(" to ") {
        format!("{value:.2}")
    } else {
        number(value)
    }
}

/// A number as people read it: whole ones as counts, others as a time.
fn number(value: f64) -> String {
    if value >= 1.0 && value.fract() == 0.0 || value == 0.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.2} s")
    } else if value >= 1e-3 {
        format!("{:.2} ms", value * 1e3)
    } else {
        format!("{:.1} µs", value * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_three_parts_are_numbers_and_others_are_not() {
        let mut measured = Measured::default();
        measured.read("Compiling weft\ncreate all\t1000\t0.25\na\tb\tc\n");
        assert_eq!(measured.get("create all", 1000), Some(0.25));
        assert_eq!(measured.values.len(), 1);
    }

    #[test]
    fn numbers_are_printed_in_the_unit_that_fits() {
        let printed = [12.0, 0.0, 1.25, 0.0025, 0.000_05].map(number);
        assert_eq!(printed, ["12", "0", "1.25 s", "2.50 ms", "50.0 µs"]);
        assert_eq!(shown("memory, MiB", 8.13), "8.1");
        assert_eq!(shown("create, agent to ip", 0.514), "0.51");
        assert_eq!(shown("create, agent", 0.514), "514.00 ms");
    }
}
