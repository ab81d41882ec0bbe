//! Source translations in words.

use weft_model::name::LinkName;
use weft_model::object::subnet::Snat;
use weft_model::plan::nat::Nat;

pub(super) fn create(nat: &Nat, lines: &mut Vec<String>) {
    let (source, when) = (nat.source, leaving(nat));
    lines.push(match nat.to {
        Snat::Masquerade => format!("masquerade sources in {source} {when}"),
        Snat::Address(address) => format!("translate sources in {source} to {address} {when}"),
    });
}

/// Which packets are translated.
fn leaving(nat: &Nat) -> String {
    if nat.outside.is_empty() {
        return format!("unless they leave by {}", nat.inside);
    }
    let names: Vec<&str> = nat.outside.iter().map(LinkName::as_str).collect();
    format!("that leave by {}", names.join(" or "))
}

pub(super) fn change(old: &Nat, new: &Nat, lines: &mut Vec<String>) {
    let source = new.source;
    if old.to != new.to {
        lines.push(format!(
            "set translation of sources in {source} {} -> {}",
            old.to, new.to
        ));
    }
    if old.outside != new.outside {
        lines.push(format!(
            "set translation of sources in {source}: {} -> {}",
            leaving(old),
            leaving(new)
        ));
    }
    if old.inside != new.inside {
        lines.push(format!(
            "set inside of the translation of {source} {} -> {}",
            old.inside, new.inside
        ));
    }
    if old.origin != new.origin {
        lines.push(format!(
            "give the translation of {source} from {} to {}",
            old.origin, new.origin
        ));
    }
}
