//! `weftctl import`: another system's files as manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use weft_model::name::{HostNetworkName, NodeName};
use weft_model::object::Object;

use crate::console;
use crate::failure::{Failure, Outcome};
use crate::interfaces::{carry as interfaces, stanza};
use crate::manifest::write;
use crate::pve::carry::{self, Carried, Files};
use crate::pve::section::{self, Section};
use crate::pve::snippet;

mod files;

/// Options of `import`.
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

/// The systems that can be imported from.
#[derive(Debug, Subcommand)]
enum From {
    /// Proxmox VE: a folder with its zones.cfg, vnets.cfg, subnets.cfg, controllers.cfg, fabrics.cfg
    ///
    /// The folder is /etc/pve/sdn there. Lines of an administrator's own for FRR are carried over as
    /// an FrrSnippet, where a node's /etc/frr/frr.conf.local is put into the folder. Device names stay
    /// as they are. What is not carried over is named on the standard error, one line each.
    Pve(Pve),
    /// A node's /etc/network/interfaces, of ifupdown or ifupdown2, as a host network
    ///
    /// Files that it names by `source` are read beside it. Device names stay as they are, so that what
    /// is there is taken over in place. Commands that forward, masquerade, answer ARP for others or
    /// add routes are carried over as what they do. What is not carried over is named on the standard
    /// error, one line each, with the reason.
    Interfaces(Interfaces),
}

/// Options of `import interfaces`.
#[derive(Debug, Args)]
struct Interfaces {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The node that it is of
    #[arg(short, long, value_name = "NODE")]
    node: NodeName,
    /// The name of the host network; left out, that of the node
    #[arg(long, value_name = "NAME")]
    name: Option<HostNetworkName>,
    /// Write into this file instead of the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
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
    match &options.from {
        From::Pve(pve) => {
            let carried = from_pve(&pve.folder)?;
            tell(
                &carried.notes,
                &carried.objects,
                &pve.folder,
                pve.output.as_deref(),
            )
        }
        From::Interfaces(options) => {
            let carried = from_interfaces(options)?;
            let objects: Vec<Object> = carried.host.into_iter().map(Object::HostNetwork).collect();
            tell(
                &carried.notes,
                &objects,
                &options.file,
                options.output.as_deref(),
            )
        }
    }
}

/// Reads what an `interfaces` file and the files that it names declare.
fn from_interfaces(options: &Interfaces) -> Outcome<interfaces::Carried> {
    let name = match &options.name {
        Some(name) => name.clone(),
        None => options
            .node
            .as_str()
            .parse()
            .map_err(|error| Failure::refused(format!("use --name: {error}")))?,
    };
    let file = options.file.display().to_string();
    let text = std::fs::read_to_string(&options.file)
        .map_err(|error| Failure::refused(format!("cannot read {file}: {error}")))?;
    let library = files::Beside::of(&options.file);
    let stanzas = stanza::read(&file, &text, &library);
    Ok(interfaces::carry(stanzas, &options.node, name))
}

/// Writes what was carried over, and tells what was not.
fn tell(notes: &[String], objects: &[Object], from: &Path, output: Option<&Path>) -> Outcome {
    for note in notes {
        console::note(note);
    }
    if objects.is_empty() {
        return Err(Failure::refused(format!(
            "nothing in {} can be carried over",
            from.display()
        )));
    }
    let written: Vec<_> = objects.iter().map(write::declared).collect();
    let text = write::yaml(&written)?;
    let Some(file) = output else {
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
    const OTHERS: [&str; 4] = ["dns.cfg", "ipams.cfg", "prefix-lists.cfg", "route-maps.cfg"];
    let zones = sections(folder, "zones.cfg")?;
    let controllers = sections(folder, "controllers.cfg")?;
    // Controllers can be there before any zone is.
    if zones.is_none() && controllers.is_none() {
        return Err(Failure::refused(format!(
            "there is no zones.cfg in {}: name the folder that is /etc/pve/sdn on a node of the peer",
            folder.display()
        )));
    }
    let mut others: BTreeMap<String, Vec<Section>> = BTreeMap::new();
    for file in OTHERS {
        if let Some(sections) = sections(folder, file)? {
            others.insert(file.to_owned(), sections);
        }
    }
    let files = Files {
        zones: zones.unwrap_or_default(),
        vnets: sections(folder, "vnets.cfg")?.unwrap_or_default(),
        subnets: sections(folder, "subnets.cfg")?.unwrap_or_default(),
        controllers: controllers.unwrap_or_default(),
        fabrics: sections(folder, "fabrics.cfg")?.unwrap_or_default(),
        frr: text(folder, snippet::FILE)?,
        others,
    };
    Ok(carry::carry(&files))
}

fn sections(folder: &Path, name: &str) -> Outcome<Option<Vec<Section>>> {
    let Some(text) = text(folder, name)? else {
        return Ok(None);
    };
    section::read(&text).map(Some).map_err(|error| {
        let (name, line, problem) = (folder.join(name), error.line, error.problem);
        Failure::refused(format!("{}:{line}: {problem}", name.display()))
    })
}

/// The text of a file, where it is there.
fn text(folder: &Path, name: &str) -> Outcome<Option<String>> {
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let name = path.display();
            Err(Failure::refused(format!("cannot read {name}: {error}")))
        }
    }
}
