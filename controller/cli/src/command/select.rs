//! How people say which objects they mean.

use std::collections::HashMap;

use clap::ValueEnum;
use weft_model::object::{Kind, ObjectKey};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// Manifests that can be applied again.
    Yaml,
    /// The same as JSON: an object for one name, else a list.
    Json,
    /// kind/name, one a line.
    Name,
}

/// A kind, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// Every kind.
    All,
    /// One kind.
    One(Kind),
}

/// What a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Everything of a kind.
    Of(Kinds),
    /// These objects, in this order.
    Named(Vec<ObjectKey>),
}

/// Reads `KIND`, `KIND NAME...` or `KIND/NAME...`.
///
/// # Errors
/// When a word is no kind, or the two ways are mixed.
pub fn selection(words: &[String]) -> Result<Selection, String> {
    let Some((first, names)) = words.split_first() else {
        return Err("say which kind: node, zone, vnet, subnet or all".to_owned());
    };
    if words.iter().any(|word| word.contains('/')) {
        let key = |word: &String| {
            let (kind, name) = word.split_once('/').ok_or_else(|| {
                format!("{word:?}: name every object as KIND/NAME, or all as KIND NAME NAME")
            })?;
            let kind: Kind = kind.parse().map_err(told)?;
            Ok(ObjectKey::new(kind, name))
        };
        return words
            .iter()
            .map(key)
            .collect::<Result<_, _>>()
            .map(Selection::Named);
    }
    if first.eq_ignore_ascii_case("all") {
        return match names {
            [] => Ok(Selection::Of(Kinds::All)),
            [name, ..] => Err(format!("{name:?}: say which kind it is, as in vnet/{name}")),
        };
    }
    let kind: Kind = first.parse().map_err(told)?;
    if names.is_empty() {
        return Ok(Selection::Of(Kinds::One(kind)));
    }
    let keys = names.iter().map(|name| ObjectKey::new(kind, name.as_str()));
    Ok(Selection::Named(keys.collect()))
}

fn told(error: weft_model::object::KindError) -> String {
    error.to_string()
}

/// Reads `key=value,key=value`.
///
/// # Errors
/// When a part has no equals sign.
pub fn labels(text: &str) -> Result<HashMap<String, String>, String> {
    let part = |part: &str| {
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} is no label: write key=value,key=value"))?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(words: &[&str]) -> Result<Selection, String> {
        selection(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn objects_are_named_in_either_way() {
        let web = || ObjectKey::new(Kind::Vnet, "web");
        let db = || ObjectKey::new(Kind::Vnet, "db");
        let both = Ok(Selection::Named(vec![web(), db()]));
        assert_eq!(select(&["vnets", "web", "db"]), both);
        assert_eq!(select(&["vnet/web", "vnets/db"]), both);
        assert_eq!(select(&["all"]), Ok(Selection::Of(Kinds::All)));
        let zones = Ok(Selection::Of(Kinds::One(Kind::Zone)));
        assert_eq!(select(&["Zones"]), zones);
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for words in [&[][..], &["pod"], &["all", "web"], &["vnet/web", "db"]] {
            assert!(select(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn labels_are_pairs() {
        let pairs = labels("a=b, c=").unwrap();
        assert_eq!(pairs["a"], "b");
        assert_eq!(pairs["c"], "");
        assert!(labels("a").unwrap_err().contains("key=value"));
    }
}
