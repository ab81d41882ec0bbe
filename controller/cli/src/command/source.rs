//! Manifests from files, folders and the standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::manifest::document::Source;
use crate::manifest::read::{self, Manifest};

/// The endings of files that a folder's manifests are in.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads every object in these files.
///
/// # Errors
/// Every problem in any of them; nothing is used then.
pub fn manifests(paths: &[PathBuf]) -> Outcome<Vec<Manifest>> {
    let mut sources = Vec::new();
    for path in paths {
        collect(path, &mut sources)?;
    }
    let manifests = read::read(&sources)
        .map_err(|problems| Failure::Refused(problems.iter().map(ToString::to_string).collect()))?;
    if manifests.is_empty() {
        let names: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
        return Err(Failure::refused(format!(
            "there is no object in {}",
            names.join(", ")
        )));
    }
    Ok(manifests)
}

fn collect(path: &Path, sources: &mut Vec<Source>) -> Outcome {
    let unreadable = |error: std::io::Error| {
        Failure::refused(format!("cannot read {}: {error}", path.display()))
    };
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        sources.push(source("stdin", bytes)?);
    } else if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(unreadable)?.path();
            let ending = file.extension().and_then(|it| it.to_str());
            if file.is_file() && ending.is_some_and(|it| ENDINGS.contains(&it)) {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(Failure::refused(format!(
                "there is no file that ends in .yaml, .yml or .json in {}",
                path.display()
            )));
        }
        // Folders are listed in no order, and messages should not change from run to run.
        files.sort();
        for file in files {
            collect(&file, sources)?;
        }
    } else {
        let bytes = std::fs::read(path).map_err(unreadable)?;
        sources.push(source(&path.display().to_string(), bytes)?);
    }
    Ok(())
}

fn source(name: &str, bytes: Vec<u8>) -> Outcome<Source> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::refused(format!("{name}:{line}: not UTF-8 text"))
    })?;
    Ok(Source {
        name: name.into(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str =
        "apiVersion: weft/v1\nkind: Zone\nmetadata:\n  name: NAME\nspec:\n  type: simple\n";

    #[test]
    fn a_folder_is_read_in_the_order_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        for (file, name) in [("b.yml", "zb"), ("a.yaml", "za"), ("c.txt", "zc")] {
            let text = ZONE.replace("NAME", name);
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let read = manifests(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = read.iter().map(|it| it.object.name()).collect();
        assert_eq!(names, ["za", "zb"]);
    }

    #[test]
    fn what_cannot_be_read_is_bad_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("empty.yaml"), "# nothing\n").unwrap();
        std::fs::write(path("latin.yaml"), b"a: 1\nb: \xe9\n").unwrap();
        for (name, part) in [
            ("none.yaml", "cannot read"),
            ("empty.yaml", "no object"),
            ("latin.yaml", "latin.yaml:2: not UTF-8"),
        ] {
            let failure = manifests(&[path(name)]).unwrap_err();
            assert_eq!(failure.code(), 2, "{name}");
            assert!(failure.to_string().contains(part), "{failure}");
        }
    }
}
