//! `weftctl get`: objects as tables, manifests, or names.

use std::time::SystemTime;

use clap::Args;
use weft_model::object::{Kind, ObjectKey};
use weft_proto::v1;

use super::columns::{self, Width};
use super::select::{self, Format, Kinds, Selection};
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::manifest::write;
use crate::server::call::{self, Server};

/// Options of `get`.
#[derive(Debug, Args)]
pub struct Get {
    /// A kind (node, zone, vnet, subnet, all) and perhaps names, or KIND/NAME
    #[arg(required = true, value_name = "KIND [NAME]")]
    what: Vec<String>,
    /// Only objects that carry all these labels, as key=value,key=value
    #[arg(
        short = 'l',
        long = "label",
        value_name = "LABELS",
        default_value = "",
        hide_default_value = true
    )]
    labels: String,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Prints the objects.
///
/// # Errors
/// When one is not there, or the controller is not.
pub async fn run(server: &Server, options: &Get) -> Outcome {
    let selection = select::selection(&options.what).map_err(Failure::refused)?;
    let one = matches!(&selection, Selection::Named(keys) if keys.len() == 1);
    let objects = match selection {
        Selection::Named(keys) => {
            if !options.labels.is_empty() {
                return Err(Failure::refused("give either names or labels, not both"));
            }
            let mut objects = Vec::new();
            for key in keys {
                objects.push(named(server, &key).await?);
            }
            objects
        }
        Selection::Of(kinds) => {
            let kind = match kinds {
                Kinds::All => v1::Kind::Unspecified,
                Kinds::One(kind) => kind.into(),
            };
            let labels = match options.labels.as_str() {
                "" => std::collections::HashMap::new(),
                text => select::labels(text).map_err(Failure::refused)?,
            };
            let request = v1::ListRequest {
                kind: kind.into(),
                labels,
                without_status: options.output == Format::Name,
            };
            let mut listed = list(server, &request).await?;
            match options.output {
                Format::Table | Format::Wide => listed.objects.append(&mut listed.deleted),
                // What is deleted should not come back when the output is applied.
                Format::Yaml | Format::Json | Format::Name => {}
            }
            listed.objects
        }
    };
    print(&objects, options.output, one)
}

/// One object.
///
/// # Errors
/// When it is not there, or the controller is not.
pub async fn named(server: &Server, key: &ObjectKey) -> Outcome<v1::Object> {
    let request = v1::GetRequest {
        key: Some(key.into()),
    };
    let ask = |channel| {
        let request = request.clone();
        async move { call::objects(channel).get(request).await }
    };
    server.call(ask).await
}

/// A list of objects.
///
/// # Errors
/// When the controller is not there.
pub async fn list(server: &Server, request: &v1::ListRequest) -> Outcome<v1::ListResponse> {
    let ask = |channel| {
        let request = request.clone();
        async move { call::objects(channel).list(request).await }
    };
    server.call(ask).await
}

/// The objects in the order of kinds, then names.
fn sorted(objects: &[v1::Object]) -> Vec<&v1::Object> {
    let mut sorted: Vec<&v1::Object> = objects.iter().collect();
    sorted.sort_by_key(|it| (columns::kind(it), columns::name(it).to_owned()));
    sorted
}

fn print(objects: &[v1::Object], format: Format, one: bool) -> Outcome {
    let objects = sorted(objects);
    let width = match format {
        Format::Table => Width::Narrow,
        Format::Wide => Width::Wide,
        Format::Yaml => {
            let written: Vec<_> = objects
                .iter()
                .map(|it| write::received(it))
                .collect::<Outcome<_>>()?;
            return console::print(&write::yaml(&written)?);
        }
        Format::Json => {
            let written: Vec<_> = objects
                .iter()
                .map(|it| write::received(it))
                .collect::<Outcome<_>>()?;
            return console::print(&match written.as_slice() {
                [only] if one => write::json(only)?,
                all => write::json(all)?,
            });
        }
        Format::Name => {
            let names = objects.iter().map(|it| columns::key(it) + "\n");
            return console::print(&names.collect::<String>());
        }
    };
    let now = SystemTime::now();
    let mut tables = Vec::new();
    for kind in Kind::ALL {
        let of_kind = objects.iter().copied();
        let of_kind: Vec<_> = of_kind
            .filter(|it| columns::kind(it) == Some(kind))
            .collect();
        if !of_kind.is_empty() {
            tables.push((kind, columns::table(kind, &of_kind, width, now)));
        }
    }
    match tables.as_slice() {
        [] => {
            console::note("there is nothing yet; weftctl explain tells what there can be");
            Ok(())
        }
        [(_, table)] => console::print(table),
        several => {
            let titled = several
                .iter()
                .map(|(kind, table)| format!("{kind}s\n{table}"));
            console::print(&titled.collect::<Vec<_>>().join("\n"))
        }
    }
}
