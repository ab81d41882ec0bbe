//! The files that an `interfaces` file names, from a disk.

use std::path::{Path, PathBuf};

use crate::interfaces::stanza::Library;

/// Where nodes have their `interfaces` file.
const HOME: &str = "/etc/network";

/// Files beside an `interfaces` file that may be a copy: what it names under `/etc/network` is looked
/// for beside it, and nothing is read from the machine that happens to run the import.
pub struct Beside {
    folder: PathBuf,
}

impl Beside {
    /// What the file names.
    pub fn of(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { folder }
    }

    fn path(&self, pattern: &str) -> Result<PathBuf, String> {
        if !pattern.starts_with('/') {
            return Ok(self.folder.join(pattern));
        }
        let inside = pattern
            .strip_prefix(HOME)
            .and_then(|it| it.strip_prefix('/'));
        match inside {
            Some(inside) => Ok(self.folder.join(inside)),
            None => Err(format!(
                "it is not under {HOME}, and this may not be the node"
            )),
        }
    }
}

impl Library for Beside {
    fn files(&self, _: &str, word: &str, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let path = self.path(pattern)?;
        let listed = if word == "source-directory" {
            entries(&path)?
                .into_iter()
                .filter(|path| {
                    path.file_name()
                        .is_some_and(|name| is_plain(&name.to_string_lossy()))
                })
                .collect()
        } else {
            matching(&path)?
        };
        let mut files = Vec::new();
        for path in listed.into_iter().filter(|path| path.is_file()) {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {name}: {error}"))?;
            files.push((name, text));
        }
        Ok(files)
    }
}

/// Whether a file of a `source-directory` is read, as `interfaces(5)` has it.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The files that match a pattern whose last part may have `*` and `?`.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let last = pattern
        .file_name()
        .map(|it| it.to_string_lossy().into_owned());
    let last = last.unwrap_or_default();
    let folder = pattern.parent().unwrap_or(Path::new(""));
    if folder.to_string_lossy().contains(['*', '?', '[']) || last.contains('[') {
        return Err("patterns are understood in the last part of a path, with * and ?".to_owned());
    }
    if pattern.is_dir() {
        return entries(pattern);
    }
    if !last.contains(['*', '?']) {
        return match pattern.is_file() {
            true => Ok(vec![pattern.to_owned()]),
            false => Err(format!("there is no file {}", pattern.display())),
        };
    }
    if !folder.is_dir() {
        return Err(format!("there is no folder {}", folder.display()));
    }
    let found = entries(folder)?.into_iter().filter(|path| {
        let name = path.file_name().map(|it| it.to_string_lossy());
        name.is_some_and(|name| !name.starts_with('.') && fits(last.as_bytes(), name.as_bytes()))
    });
    Ok(found.collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| fits(rest, name)))
        }
        (Some((b'?', pattern)), Some((_, name))) => fits(pattern, name),
        (Some((one, pattern)), Some((other, name))) => one == other && fits(pattern, name),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_names() {
        for (pattern, name, is) in [
            ("*", "eth0", true),
            ("*.cfg", "eth0.cfg", true),
            ("*.cfg", "eth0.cfg.bak", false),
            ("eth?", "eth10", false),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                is,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn files_are_read_beside_the_file_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let d = folder.path().join("interfaces.d");
        std::fs::create_dir(&d).unwrap();
        std::fs::write(d.join("b"), "iface b\n").unwrap();
        std::fs::write(d.join("a.bak"), "iface a\n").unwrap();
        let library = Beside::of(&folder.path().join("interfaces"));
        let names = |word: &str, pattern: &str| {
            let files = library.files("", word, pattern).unwrap();
            files.into_iter().map(|(_, text)| text).collect::<String>()
        };
        assert_eq!(
            names("source", "/etc/network/interfaces.d/*"),
            "iface a\niface b\n"
        );
        assert_eq!(names("source-directory", "interfaces.d"), "iface b\n");
        assert!(library.files("", "source", "/etc/hostname").is_err());
        assert!(library.files("", "source", "nothing").is_err());
    }
}
