//! Lists for people.

use std::fmt::Display;

/// How many things are named before the rest is counted.
const NAMED: usize = 3;

/// `a`, `a and b`, `a, b and c`, `a, b, c and 7 more`.
pub(super) fn list<T: Display>(things: impl IntoIterator<Item = T>) -> String {
    let mut things = things.into_iter();
    let mut named: Vec<String> = things
        .by_ref()
        .take(NAMED)
        .map(|it| it.to_string())
        .collect();
    match (things.count(), named.pop()) {
        (_, None) => String::new(),
        (0, Some(last)) if named.is_empty() => last,
        (0, Some(last)) => format!("{} and {last}", named.join(", ")),
        (more, Some(last)) => {
            named.push(last);
            format!("{} and {more} more", named.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_counted() {
        assert_eq!(list(Vec::<u8>::new()), "");
        assert_eq!(list([1]), "1");
        assert_eq!(list([1, 2]), "1 and 2");
        assert_eq!(list([1, 2, 3]), "1, 2 and 3");
        assert_eq!(list(1..=10), "1, 2, 3 and 7 more");
    }
}
