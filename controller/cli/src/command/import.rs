//! `weftctl import`: another system's files as manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::console;
use crate::failure::{Failure, Outcome};
use crate::manifest::write;
use crate::pve::carry::{self, Carried, Files};
use crate::pve::section::{self, Section};

/// Options of `import`.
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

/// The systems that can be imported from.
#[derive(Debug, Subcommand)]
enum From {
    /// Proxmox VE: a folder with its zones.cfg, vnets.cfg and subnets.cfg
    ///
    /// The folder is /etc/pve/sdn there. Device names stay as they are. What is not carried over is
    /// named on the standard error, one line each.
    Pve(Pve),
}

/// Options of `import pve`.
#[derive(Debug, Args)]
struct Pve {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write into this file instead of the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes manifests.
///
/// # Errors
/// When the files cannot be read, or have nothing that can be carried over.
pub fn run(options: &Import) -> Outcome {
    let From::Pve(pve) = &options.from;
    let carried = from_pve(&pve.folder)?;
    for note in &carried.notes {
        console::note(note);
    }
    if carried.objects.is_empty() {
        return Err(Failure::refused(format!(
            "nothing in {} can be carried over",
            pve.folder.display()
        )));
    }
    let written: Vec<_> = carried.objects.iter().map(write::declared).collect();
    let text = write::yaml(&written)?;
    let Some(file) = &pve.output else {
        return console::print(&text);
    };
    std::fs::write(file, text)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?;
    let (count, file) = (written.len(), file.display());
    console::note(&format!("{count} objects are in {file}"));
    Ok(())
}

/// Reads what a folder of Proxmox VE's files declares.
///
/// # Errors
/// When the folder has none of them, or one cannot be read.
pub fn from_pve(folder: &Path) -> Outcome<Carried> {
    /// The files that nothing is carried over from.
    const OTHERS: [&str; 6] = [
        "controllers.cfg",
        "dns.cfg",
        "ipams.cfg",
        "prefix-lists.cfg",
        "route-maps.cfg",
        "frr.conf.local",
    ];
    let zones = sections(folder, "zones.cfg")?;
    let Some(zones) = zones else {
        return Err(Failure::refused(format!(
            "there is no zones.cfg in {}: name the folder that is /etc/pve/sdn on a node of the peer",
            folder.display()
        )));
    };
    let mut others: BTreeMap<String, Vec<Section>> = BTreeMap::new();
    let mut notes = Vec::new();
    for file in OTHERS {
        if file.ends_with(".cfg") {
            if let Some(sections) = sections(folder, file)? {
                others.insert(file.to_owned(), sections);
            }
        } else if folder.join(file).exists() {
            notes.push(format!("{file}: not carried over"));
        }
    }
    let files = Files {
        zones,
        vnets: sections(folder, "vnets.cfg")?.unwrap_or_default(),
        subnets: sections(folder, "subnets.cfg")?.unwrap_or_default(),
        fabrics: sections(folder, "fabrics.cfg")?.unwrap_or_default(),
        others,
    };
    let mut carried = carry::carry(&files);
    carried.notes.extend(notes);
    Ok(carried)
}

fn sections(folder: &Path, name: &str) -> Outcome<Option<Vec<Section>>> {
    let path = folder.join(name);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let name = path.display();
            return Err(Failure::refused(format!("cannot read {name}: {error}")));
        }
    };
    section::read(&text).map(Some).map_err(|error| {
        let (name, line, problem) = (path.display(), error.line, error.problem);
        Failure::refused(format!("{name}:{line}: {problem}"))
    })
}
