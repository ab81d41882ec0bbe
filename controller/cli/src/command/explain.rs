//! `weftctl explain`: what kinds and fields mean.

use clap::Args;

use crate::console;
use crate::explain::page::{self, Depth};
use crate::explain::schema::Schema;
use crate::failure::{Failure, Outcome};

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A kind and perhaps a field of it, as vnet or zone.spec.vxlan; left out, the kinds
    #[arg(value_name = "KIND[.FIELD]")]
    topic: Option<String>,
    /// All fields below, not only the next
    #[arg(short, long)]
    recursive: bool,
}

/// Prints the page.
///
/// # Errors
/// When there is no such kind or field.
pub fn run(options: &Explain) -> Outcome {
    let schema = Schema::compiled()
        .map_err(|error| Failure::failed(format!("this weftctl has no schema: {error}")))?;
    let depth = if options.recursive {
        Depth::All
    } else {
        Depth::Next
    };
    let page = match &options.topic {
        None => page::kinds(&schema),
        Some(topic) => page::topic(&schema, topic, depth)
            .map_err(|error| Failure::refused(error.to_string()))?,
    };
    console::print(&page)
}
