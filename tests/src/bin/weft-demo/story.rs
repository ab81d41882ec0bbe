//! The story: each chapter does one thing and proves it with traffic or with the kernel's own word.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use weft_tests::cluster::Cluster;
use weft_tests::declared::{self, DB, LAN, LAN_GATEWAY, NETWORK, WEB, WEB_TUNNEL};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::ping::{self, Series};
use weft_tests::underlay::{FAR, Underlay};
use weft_tests::{dump, exec, wait};

use crate::screen::Screen;

/// How long a first packet may take on a busy machine.
const REACH_LIMIT: Duration = Duration::from_secs(5);
/// Within this a deleted device is back.
const HEAL_LIMIT: Duration = Duration::from_secs(1);

/// Guests that later chapters use.
struct Guests {
    web1: Guest,
    web3: Guest,
}

/// Tells the whole story; the cluster stays up for as long as it is held.
///
/// # Errors
/// When something does not hold.
pub fn tell(screen: &mut Screen, lab: &Lab) -> Result<Cluster> {
    let mut cluster = begin(screen, lab)?;
    declare(screen, &cluster)?;
    let guests = traffic(screen, &cluster)?;
    outside(screen, &cluster)?;
    heal(screen, &cluster, &guests)?;
    refuse(screen, &cluster)?;
    roll_back(screen, &cluster)?;
    crash(screen, &mut cluster, &guests)?;
    Ok(cluster)
}

fn begin(screen: &mut Screen, lab: &Lab) -> Result<Cluster> {
    screen.step("Three nodes, a switch between them and an outside, each a network namespace");
    let mut cluster = Cluster::wired(lab, Underlay::Ipv4, 3)?;
    for node in cluster.nodes() {
        screen.say(&format!(
            "{} is the namespace {}",
            node.name(),
            node.host().name()
        ));
    }
    screen.step("One controller with its own etcd, and an agent on each node");
    cluster.start_controller()?;
    cluster.start_agents()?;
    cluster.wait_for_nodes()?;
    weftctl(screen, &cluster, &["nodes"])?;
    Ok(cluster)
}

fn declare(screen: &mut Screen, cluster: &Cluster) -> Result<()> {
    screen.step("The network, declared");
    let text = declared::tunnels(Underlay::Ipv4) + "---\n" + &declared::inside();
    screen.say(&text);
    let file = cluster.manifest("network", &text)?;
    let file = file.to_string_lossy();
    screen.step("What it would change on which node; nothing is changed yet");
    weftctl(screen, cluster, &["apply", "-f", &file])?;
    weftctl(screen, cluster, &["diff"])?;
    screen.step("Rolled out: everywhere or nowhere");
    weftctl(screen, cluster, &["rollout", "start", "--wait"])?;
    let cluster = &cluster;
    screen.prove("a rollout is live on every node", || {
        for number in 1..=3 {
            for device in [WEB, DB, LAN, WEB_TUNNEL] {
                ensure!(
                    cluster.host(number)?.has_device(device),
                    "node{number} has no {device}"
                );
            }
        }
        Ok("the kernel of each of 3 nodes has its devices".to_owned())
    })
}

fn traffic(screen: &mut Screen, cluster: &Cluster) -> Result<Guests> {
    screen.step(
        "Guests on nodes 1 and 3: two in `web`, two in `db`, with addresses of the same network",
    );
    let guest = |name: &str, number: usize, bridge: &str, last: u8| {
        cluster
            .guest(name, number, bridge)?
            .address(&format!("{NETWORK}.{last}/24"))
    };
    let web1 = guest("web1", 1, WEB, 1)?;
    let web3 = guest("web3", 3, WEB, 3)?;
    let db1 = guest("db1", 1, DB, 11)?;
    guest("db3", 3, DB, 13)?;
    let (third, db_first, db_third) = (
        format!("{NETWORK}.3"),
        format!("{NETWORK}.11"),
        format!("{NETWORK}.13"),
    );
    screen.prove("guests reach each other over VXLAN", || {
        reaches(&web1, &third)?;
        reaches(&db1, &db_third)?;
        Ok(format!("ping {third} from node1 to node3"))
    })?;
    screen.prove("guests do not reach another vnet", || {
        for other in [&db_first, &db_third] {
            ensure!(ping::once(web1.inside(), other).is_err(), "{other} answers");
        }
        Ok(format!(
            "no answer from {db_first} on the same node, nor from {db_third}"
        ))
    })?;
    screen.prove("the MTU is right to the byte", || {
        ping::whole(web1.inside(), &third, 1450)?;
        ensure!(
            ping::whole(web1.inside(), &third, 1451).is_err(),
            "1451 bytes pass"
        );
        Ok("1450 bytes pass, 1451 are refused (1500 less 50 for VXLAN over IPv4)".to_owned())
    })?;
    Ok(Guests { web1, web3 })
}

fn outside(screen: &mut Screen, cluster: &Cluster) -> Result<()> {
    screen.step("A guest of `lan`, and an outside that knows no way back to guests");
    let lan2 = cluster
        .guest("lan2", 2, LAN)?
        .address("10.1.0.2/24")?
        .gateway(LAN_GATEWAY)?;
    screen.prove("guests reach the outside through SNAT", || {
        reaches(&lan2, FAR)?;
        Ok(format!("ping {FAR} from 10.1.0.2 by node2"))
    })
}

fn heal(screen: &mut Screen, cluster: &Cluster, guests: &Guests) -> Result<()> {
    screen.step("Someone deletes the tunnel of `web` on node1");
    let host = cluster.host(1)?;
    screen.say(&format!("$ ip -n {} link del {WEB_TUNNEL}", host.name()));
    screen.prove("a deleted device comes back by itself", || {
        host.ip(&format!("link del {WEB_TUNNEL}"))?;
        let ((), took) = wait::until("the tunnel", HEAL_LIMIT, || {
            ensure!(host.has_device(WEB_TUNNEL), "it is gone");
            Ok(())
        })?;
        reaches(&guests.web1, &format!("{NETWORK}.3"))?;
        Ok(format!("back after {} ms, and reported", took.as_millis()))
    })?;
    weftctl(screen, cluster, &["describe", "node", "node1"])
}

fn refuse(screen: &mut Screen, cluster: &Cluster) -> Result<()> {
    screen.step("A change that one node cannot take: node2 has a bridge `app` of somebody else's");
    cluster.host(2)?.ip("link add app type bridge")?;
    let before = cluster.dumps()?;
    let file = cluster.manifest("app", &declared::vnet("app", "tunnels", 1003))?;
    let file = file.to_string_lossy().into_owned();
    let arguments = ["apply", "-f", &file, "--rollout", "--wait"];
    screen.say(&format!("$ weftctl {}", arguments.join(" ")));
    let refused = cluster.weftctl(&arguments)?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    screen.say(&said);
    screen.prove("a node that refuses is named, with the vnet", || {
        ensure!(refused.code != Some(0), "the change went through");
        ensure!(said.contains("node2") && said.contains("app"), "{said}");
        Ok(format!("exit code {}", refused.code.unwrap_or(-1)))
    })?;
    screen.prove("a change refused by one node changes none", || {
        let changes = dump::differences(&before, &cluster.dumps()?);
        ensure!(changes.is_empty(), "{changes:?}");
        Ok("links, addresses, routes and nftables of 3 nodes are the same".to_owned())
    })?;
    cluster.host(2)?.ip("link del app")?;
    Ok(())
}

fn roll_back(screen: &mut Screen, cluster: &Cluster) -> Result<()> {
    screen.step("With that bridge away the same change goes everywhere; then it is rolled back");
    weftctl(screen, cluster, &["rollout", "start", "--wait"])?;
    screen.prove("the same change goes everywhere", || {
        for number in 1..=3 {
            ensure!(cluster.host(number)?.has_device("app"), "node{number}");
        }
        Ok("3 nodes have `app`".to_owned())
    })?;
    weftctl(screen, cluster, &["rollback", "1", "--wait"])?;
    screen.prove("a rollback brings a revision back", || {
        let ((), took) = wait::until("`app` to be gone", REACH_LIMIT, || {
            for number in 1..=3 {
                ensure!(!cluster.host(number)?.has_device("app"), "node{number}");
            }
            Ok(())
        })?;
        Ok(format!(
            "`app` is gone from 3 nodes {} ms after the confirm",
            took.as_millis()
        ))
    })?;
    weftctl(screen, cluster, &["rollout", "history"])
}

fn crash(screen: &mut Screen, cluster: &mut Cluster, guests: &Guests) -> Result<()> {
    screen.step(
        "While a guest pings, node1's agent is killed and started again, then the controller",
    );
    screen.prove("no packet is lost while programs restart", || {
        let series = Series::start(guests.web3.inside(), &format!("{NETWORK}.1"))?;
        cluster.node(1)?.kill_agent()?;
        cluster.node(1)?.start_agent()?;
        cluster.wait_for_nodes()?;
        cluster.kill_controller()?;
        // The new one leads when the lease of the killed one has run out.
        cluster.start_controller()?;
        cluster.wait_for_nodes()?;
        let tally = series.stop()?;
        ensure!(tally.lost.is_empty(), "{} were lost", tally.lost.len());
        Ok(format!("{} of {} answered", tally.sent, tally.sent))
    })
}

/// Prints how to play with the cluster that stays up.
pub fn stay(cluster: &Cluster) {
    println!("\nThe cluster stays up. In another terminal, as root:\n");
    if let Ok(command) = cluster.weftctl_command(&["get", "vnets"]) {
        let typed = exec::typed(&command);
        let alias = typed.trim_end_matches(" get vnets");
        println!("  alias weftctl='{alias}'");
    }
    println!("  weftctl nodes");
    println!("  weftctl get vnets");
    println!("  weftctl watch");
    println!("  weftctl rollback 3 --wait");
    println!();
    for node in cluster.nodes() {
        println!(
            "  nsenter --net=/run/netns/{} bash   # be on {}",
            node.host().name(),
            node.name()
        );
    }
    println!("  ip link del {WEB_TUNNEL}   # there, and look again a moment later");
    println!("\nlogs are in {}", cluster.lab().folder().display());
    println!("press Ctrl-C here to stop everything");
}

fn weftctl(screen: &Screen, cluster: &Cluster, arguments: &[&str]) -> Result<()> {
    let command = cluster.weftctl_command(arguments)?;
    screen.run(&format!("weftctl {}", arguments.join(" ")), command)
}

fn reaches(from: &Guest, to: &str) -> Result<Duration> {
    let what = format!("an answer from {to}");
    let ((), took) =
        wait::until(&what, REACH_LIMIT, || ping::once(from.inside(), to)).context("no answer")?;
    Ok(took)
}
