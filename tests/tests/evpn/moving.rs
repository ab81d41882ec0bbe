//! A guest that moves to another node under a running ping is reached there within a second.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::{needs, ping, wait};

use super::stage::{Stage, controller, reaches, subnet, vnet, zone};

/// Between two packets of a series.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long a guest that moved may be out of reach.
const MOST: Duration = Duration::from_secs(1);

#[test]
fn a_guest_that_moves_is_reached_within_a_second_by_its_vnet_and_by_another() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(3)?;
    let manifest = [
        controller(3),
        zone("prod", 1000, ""),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        vnet("db", "prod", 200),
        subnet("db", "10.0.1.0/24", "10.0.1.1", ""),
    ]
    .concat();
    stage.cluster.roll_out("prod", &manifest)?;
    let mut moving = stage.guest("moving", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let same = stage.guest("same", 2, "web", "10.0.0.12/24", "10.0.0.1")?;
    let other = stage.guest("other", 2, "db", "10.0.1.12/24", "10.0.1.1")?;
    reaches(moving.inside(), "10.0.0.1")?;
    reaches(same.inside(), "10.0.0.11")?;
    reaches(other.inside(), "10.0.0.11")?;

    // There and back: what a node kept of the first place must not lead astray in the second.
    for node in [3, 1, 3] {
        let series = [&same, &other].map(|from| ping::Series::start(from.inside(), "10.0.0.11"));
        let host = stage.cluster.host(node)?.clone();
        moving.move_to(&host, "web", "10.0.0.11/24", "10.0.0.1")?;
        reaches(same.inside(), "10.0.0.11")?;
        reaches(other.inside(), "10.0.0.11")?;
        for (series, from) in series.into_iter().zip(["its vnet", "another vnet"]) {
            let lost = u32::try_from(series?.stop()?.lost.len())?;
            let away = INTERVAL * lost;
            println!(
                "moved to node {node}: {} ms out of reach from {from}",
                away.as_millis()
            );
            ensure!(
                away <= MOST * wait::patience(),
                "{away:?} out of reach from {from}"
            );
        }
    }
    stage.pass();
    Ok(())
}
