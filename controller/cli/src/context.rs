//! Which controller is meant: the command line, else the environment, else the context file, else
//! the one on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::{Failure, Outcome};
use crate::manifest::read;

/// Where a controller listens when nobody says otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:7443";

/// What the context file may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    /// As `--server`.
    server: String,
}

/// Where controllers are, in the order in which to try them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// Their addresses; never empty.
    pub urls: Vec<String>,
    /// Who said so, for messages.
    pub said_by: String,
}

/// The controllers that are meant; `given` is what the command line and `WEFT_SERVER` say.
///
/// # Errors
/// When an address is none, or the context file cannot be read.
pub fn servers(given: Option<&str>) -> Outcome<Servers> {
    match given {
        Some(text) => parse(text, "--server or WEFT_SERVER"),
        None => match file() {
            Some(path) => from_file(&path),
            None => parse(DEFAULT, "the default"),
        },
    }
}

/// The context file, where there is one or the environment names one.
fn file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WEFT_CONTEXT").filter(|it| !it.is_empty()) {
        return Some(named.into());
    }
    usual(
        std::env::var_os("XDG_CONFIG_HOME"),
        std::env::var_os("HOME"),
    )
    .filter(|it| it.exists())
}

fn usual(config: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let said = |it: &OsString| !it.is_empty();
    let config = config.filter(said).map(PathBuf::from).or_else(|| {
        home.filter(said)
            .map(|home| Path::new(&home).join(".config"))
    })?;
    Some(config.join("weft").join("context.yaml"))
}

fn from_file(path: &Path) -> Outcome<Servers> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::refused(format!("cannot read the context file {name}: {error}"))
    })?;
    let context: Context = read::parse(&text).map_err(|error| {
        let error = error.without_snippet();
        Failure::refused(format!(
            "the context file {name} is not usable: {error}: write server: {DEFAULT}"
        ))
    })?;
    parse(&context.server, &format!("the context file {name}"))
}

fn parse(text: &str, said_by: &str) -> Outcome<Servers> {
    let urls: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|url| !url.is_empty())
        .map(|url| match url.split_once("://") {
            Some(_) => url.to_owned(),
            None => format!("http://{url}"),
        })
        .collect();
    if let Some(url) = urls.iter().find(|url| url.starts_with("https://")) {
        return Err(Failure::refused(format!(
            "{url} (from {said_by}): connections are not encrypted in this version: write http://"
        )));
    }
    let is_usable =
        |url: &String| url.starts_with("http://") && url.parse::<tonic::transport::Uri>().is_ok();
    if urls.is_empty() || !urls.iter().all(is_usable) {
        return Err(Failure::refused(format!(
            "{text:?} (from {said_by}) is not the address of a controller: write {DEFAULT}, or \
             several with commas between them"
        )));
    }
    Ok(Servers {
        urls,
        said_by: said_by.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(text: &str) -> Result<Vec<String>, String> {
        let servers = parse(text, "--server").map_err(|failure| failure.to_string());
        servers.map(|servers| servers.urls)
    }

    #[test]
    fn an_address_may_leave_the_scheme_out_and_there_may_be_several() {
        assert_eq!(
            urls("a:7443, http://[fd00::1]:7443"),
            Ok(vec![
                "http://a:7443".to_owned(),
                "http://[fd00::1]:7443".to_owned()
            ])
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_would_be_right() {
        for text in ["", " , ", "ftp://a", "http://a b", "https://a:7443"] {
            assert!(urls(text).unwrap_err().contains("http://"), "{text:?}");
        }
    }

    #[test]
    fn the_context_file_is_where_others_keep_theirs() {
        let path = |config: Option<&str>, home: Option<&str>| {
            usual(config.map(Into::into), home.map(Into::into))
        };
        let usual = PathBuf::from("/c/weft/context.yaml");
        assert_eq!(path(Some("/c"), Some("/h")), Some(usual));
        let home = PathBuf::from("/h/.config/weft/context.yaml");
        assert_eq!(path(Some(""), Some("/h")), Some(home));
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn a_context_file_names_a_server_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("context.yaml");
        std::fs::write(&file, "server: http://n1:7443\n").unwrap();
        assert_eq!(from_file(&file).unwrap().urls, ["http://n1:7443"]);
        std::fs::write(&file, "servers: x\n").unwrap();
        assert_eq!(from_file(&file).unwrap_err().code(), 2);
        assert_eq!(
            from_file(&folder.path().join("none")).unwrap_err().code(),
            2
        );
    }
}
