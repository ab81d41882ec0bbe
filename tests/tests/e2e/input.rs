//! Bad input is refused with the field, and leaves nothing.

use anyhow::{Result, ensure};
use weft_tests::cluster::Cluster;
use weft_tests::declared;
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

/// A manifest that is wrong, and words that the refusal must have.
struct Case {
    what: &'static str,
    manifest: String,
    words: &'static [&'static str],
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: weft/v1\nkind: {kind}\nmetadata:\n  name: {name}\nspec: {spec}\n")
}

fn cases() -> Vec<Case> {
    let case = |what, manifest, words| Case {
        what,
        manifest,
        words,
    };
    vec![
        case(
            "malformed YAML",
            "apiVersion: weft/v1\nkind: Zone\nmetadata: {name: bad\n".to_owned(),
            &["bad.yaml"],
        ),
        case(
            "an unknown field",
            object("Vnet", "more", "{zone: tunnels, tag: 7, colour: red}"),
            &["colour", "bad.yaml:5"],
        ),
        case(
            "a tag out of range",
            object("Vnet", "more", "{zone: tunnels, tag: 16777216}"),
            &["tag", "16777216"],
        ),
        case(
            "a VNI used twice",
            object("Vnet", "more", "{zone: tunnels, tag: 1001}"),
            &["spec.tag", "VNI 1001", "more", "web"],
        ),
        case(
            "a vnet of a missing zone",
            object("Vnet", "more", "{zone: nowhere, tag: 7}"),
            &["spec.zone", "nowhere"],
        ),
        case(
            "a gateway outside its subnet",
            object(
                "Subnet",
                "more",
                "{vnet: lan, cidr: 10.9.0.0/24, gateway: 10.8.0.1}",
            ),
            &["spec.gateway", "10.8.0.1"],
        ),
        case(
            "subnets that overlap in a zone",
            object("Subnet", "more", "{vnet: lan, cidr: 10.1.0.128/25}"),
            &["spec.cidr", "lan-v4"],
        ),
        case(
            "a stale version",
            "apiVersion: weft/v1\nkind: Vnet\nmetadata:\n  name: web\n  version: 1\n\
             spec: {zone: tunnels, tag: 1003}\n"
                .to_owned(),
            &["vnet/web", "version"],
        ),
        case(
            "a line break in a text",
            object(
                "Vnet",
                "more",
                "\n  zone: tunnels\n  tag: 7\n  alias: \"a\\nb\"",
            ),
            &["alias"],
        ),
        case(
            "a zone type of a later version",
            object("Zone", "more", "{type: evpn}"),
            &["evpn"],
        ),
    ]
}

#[test]
fn bad_input_is_refused_with_its_field_and_nothing_is_stored() -> Result<()> {
    let lab = Lab::new()?;
    // Nobody needs a node to be told that what they wrote is wrong.
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 0)?;
    cluster.start_controller()?;
    let good = declared::tunnels(Underlay::Ipv4) + "---\n" + &declared::inside();
    let file = cluster.manifest("good", &good)?;
    cluster.client(&["apply", "-f", &file.to_string_lossy()])?;
    let stored = || -> Result<String> {
        let mut all = String::new();
        for kind in ["zones", "vnets", "subnets"] {
            all += &cluster.client(&["get", kind, "-o", "yaml"])?;
        }
        Ok(all)
    };
    let before = stored()?;

    let mut wrong = Vec::new();
    for Case {
        what,
        manifest,
        words,
    } in cases()
    {
        // A good object beside the bad one must not be stored either.
        let manifest = manifest + "---\n" + &declared::vnet("beside", "tunnels", 4242);
        let file = cluster.manifest("bad", &manifest)?;
        let refused = cluster.weftctl(&["apply", "-f", &file.to_string_lossy()])?;
        if refused.code != Some(2) {
            wrong.push(format!("{what}: exit code {:?}: {refused:?}", refused.code));
        }
        for word in words {
            if !refused.stderr.contains(word) {
                wrong.push(format!("{what}: no {word:?} in {:?}", refused.stderr));
            }
        }
        if stored()? != before {
            wrong.push(format!("{what}: something was stored"));
        }
    }
    let used = cluster.weftctl(&["delete", "zone", "tunnels"])?;
    if used.code != Some(2) || !used.stderr.contains("vnet/db") {
        wrong.push(format!("deleting what is in use: {used:?}"));
    }
    if stored()? != before {
        wrong.push("deleting what is in use: something was stored".to_owned());
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    lab.pass();
    Ok(())
}
