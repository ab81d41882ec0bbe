//! What the FRR of a node must have for what runs on it.

pub(super) mod evpn;
pub(super) mod fabric;
mod neighbor;
pub(super) mod node;
pub(super) mod policy;

use weft_model::name::ControllerName;
use weft_model::plan::Origin;
use weft_model::plan::frr::word::Word;
use weft_model::plan::frr::{Frr, Stanza};

/// A name of ours as FRR takes it.
fn word(name: impl ToString) -> Word {
    let text = name.to_string();
    text.parse()
        .unwrap_or_else(|_| unreachable!("names of ours are words: {text:?}"))
}

/// A stanza that is there for a controller.
fn of_controller(controller: &ControllerName, stanza: Stanza) -> Frr {
    Frr {
        origin: Origin::Controller {
            controller: controller.clone(),
        },
        stanza,
    }
}
