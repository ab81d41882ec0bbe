//! Measures the data plane against `ip -batch`, in fresh network namespaces.
//!
//! Needs root. `bench_dataplane [--json] [--vlans|--bundle] [N...]` measures for N vnets each, 100,
//! 1000 and 4000 when none is given: a vnet is a bridge and a VXLAN device with two peers, or with
//! `--vlans` a bridge and a VLAN of one bridge that filters VLANs, or with `--bundle` both the first
//! and a VLAN of one bridge and a network of one VXLAN device, side by side. The latter two take a
//! full kernel, and the last is measured without `ip`. Every N is measured in a process of its own, so that the memory that it
//! needs can be told.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};
use weft_agent::dataplane;
use weft_agent::kernel::Kernel;
use weft_model::plan::NodePlan;
use weft_model::revision::ClusterId;
use weft_node::driver::Driver;
use weft_node::own::Owner;
use weft_node::plan::plan;
use weft_node::scope::Scope;

mod layout;

use layout::{Layout, vnet};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many vnets `ip` deletes one by one; all of them would take minutes.
const DELETED_BY_IP: u32 = 20;

/// How long a kernel needs to take a namespace with 1,000 vnets apart.
const TEARDOWN: Duration = Duration::from_secs(3);

/// How often one vnet is added and taken away, for a mean.
const ADDED: u32 = 20;
/// How often all is looked at again, one list of links beside each: they are compared by the median,
/// because whatever else the machine does falls on one or the other.
const LOOKS: u32 = 9;

/// Two layouts are measured beside each other, without what takes minutes and tells nothing of the
/// difference: `ip`, and the deletion after the confirm.
const BESIDE: &str = "--beside";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |layout: &Layout| {
        words
            .iter()
            .any(|word| Some(word.as_str()) == layout.flag())
    };
    let layout = [Layout::Vlans, Layout::Bundle].into_iter().find(has);
    let layout = layout.unwrap_or(Layout::Tunnels);
    let is_beside = words.iter().any(|word| word == BESIDE);
    let is_other = |word: &String| Some(word.as_str()) != layout.flag() && word != BESIDE;
    let words: Vec<String> = words.iter().filter(|it| is_other(it)).cloned().collect();
    if let [flag, count] = words.as_slice()
        && flag == "--one"
    {
        return one(layout, count.parse()?, is_beside);
    }
    // What a bundle is worth shows beside what it stands for.
    let layouts = match layout {
        Layout::Bundle => vec![Layout::Tunnels, Layout::Bundle],
        Layout::Tunnels | Layout::Vlans => vec![layout],
    };
    let as_json = words.iter().any(|word| word == "--json");
    let mut counts: Vec<u32> = Vec::new();
    for word in words.iter().filter(|word| *word != "--json") {
        counts.push(word.parse()?);
    }
    if counts.is_empty() {
        counts = vec![100, 1000, 4000];
    }
    let mut results = Vec::new();
    let every = counts
        .iter()
        .flat_map(|count| layouts.iter().map(move |layout| (*count, *layout)));
    for (count, layout) in every {
        let output = Command::new(std::env::current_exe()?)
            .args(["--one", &count.to_string()])
            .args(layout.flag())
            .args((layouts.len() > 1).then_some(BESIDE))
            .stderr(Stdio::inherit())
            .output()?;
        // The kernel goes on taking the namespace apart, and that would be measured next.
        std::thread::sleep(TEARDOWN * count.div_ceil(1000));
        if !output.status.success() {
            return Err(format!("the measurement of {count} vnets failed").into());
        }
        results.push(serde_json::from_slice::<Value>(&output.stdout)?);
    }
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", Value::Array(results))?;
        return Ok(());
    }
    let rows: BTreeSet<&str> = results
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|result| result.keys().map(String::as_str))
        .collect();
    for row in rows {
        write!(out, "{row:<44}")?;
        for result in &results {
            let cell = match &result[row] {
                Value::Number(number) => number.to_string(),
                Value::String(word) => word.clone(),
                _ => "-".to_owned(),
            };
            write!(out, "{cell:>12}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Measures `count` vnets and prints the figures; times are in milliseconds.
fn one(layout: Layout, count: u32, is_beside: bool) -> Result<()> {
    let mut figures = fresh(|| {
        run_batch("ip", layout.host())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(by_agent(layout, count, is_beside))
    })?;
    figures["vnets"] = json!(count);
    figures["layout"] = json!(layout.word());
    if !is_beside {
        let by_ip = fresh(|| by_ip(layout, count))?;
        figures["create, ip -batch"] = json!(ms(by_ip.0));
        figures["delete per vnet, ip -batch"] = json!(ms(by_ip.1));
        figures["create, agent to ip"] = ratio(&figures["create, agent"], ms(by_ip.0));
    }
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}

/// Runs `work` in a namespace that is gone afterwards.
fn fresh<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|error| error.to_string())?;
            work().map_err(|error| error.to_string())
        });
        thread.join().map_err(|_| "the thread panicked".into())
    })
    .and_then(|result| result.map_err(Into::into))
}

fn by_ip(layout: Layout, count: u32) -> Result<(Duration, Duration)> {
    let (mut lines, mut vlans) = (String::new(), String::new());
    for number in 1..=count {
        let (line, vlan) = layout.by_hand(number);
        lines.push_str(&line);
        vlans.push_str(&vlan);
    }
    run_batch("ip", layout.host())?;
    let start = Instant::now();
    run_batch("ip", &lines)?;
    if !vlans.is_empty() {
        run_batch("bridge", &vlans)?;
    }
    let created = start.elapsed();
    let deleted = DELETED_BY_IP.min(count);
    let lines: String = (1..=deleted)
        .map(|number| format!("link del vx{number}\nlink del v{number}\n"))
        .collect();
    let start = Instant::now();
    run_batch("ip", &lines)?;
    Ok((created, start.elapsed() / deleted))
}

fn run_batch(program: &str, lines: &str) -> Result<()> {
    let mut child = Command::new(program)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(lines.as_bytes())?;
    }
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(format!("{program} -batch failed").into())
    }
}

async fn by_agent(layout: Layout, count: u32, is_beside: bool) -> Result<Value> {
    let cluster = ClusterId::from_bytes([1; 16]);
    let opened = dataplane::open(Some(cluster.clone())).await?;
    let plane = opened.dataplane;
    let flood = Arc::new(BTreeSet::from([
        [127, 0, 0, 2].into(),
        [127, 0, 0, 3].into(),
    ]));
    let vnets = (1..=count).flat_map(|n| vnet(layout, n, &flood));
    let mut want: NodePlan = layout.zone().into_iter().chain(vnets).collect();
    let kernel_before = kernel_memory()?;

    let all = Arc::new(want.clone());
    let start = Instant::now();
    plane.apply(Arc::clone(&all)).await.map_err(told)?;
    let create = start.elapsed();
    let memory = memory()?;
    let kernel_memory = kernel_memory()? - kernel_before;

    let start = Instant::now();
    let warm = plane.apply(Arc::clone(&all)).await.map_err(told)?;
    let no_change_warm = start.elapsed();
    let start = Instant::now();
    let mut kernel = Kernel::open().await?;
    let open = start.elapsed();
    let owner = Owner::new(cluster);
    let (mut dumps, mut colds, mut steps) = (Vec::new(), Vec::new(), 0);
    for _ in 0..LOOKS {
        let start = Instant::now();
        kernel.dump_links()?;
        dumps.push(start.elapsed());
        let start = Instant::now();
        kernel.look_again().await?;
        steps += plan(&owner, &all, kernel.seen(), &Scope::All).steps.len();
        colds.push(start.elapsed());
    }
    let (dump, no_change_cold) = (median(dumps), median(colds));
    drop(kernel);

    let (mut add, mut messages) = (Duration::ZERO, 0);
    for _ in 0..ADDED {
        for link in vnet(layout, count + 1, &flood) {
            want.put(Arc::new(link));
        }
        let more = Arc::new(want.clone());
        let start = Instant::now();
        messages = plane.apply(more).await.map_err(told)?.steps;
        add += start.elapsed();
        for link in vnet(layout, count + 1, &flood) {
            want.remove(&link.key());
        }
        plane.apply(Arc::clone(&all)).await.map_err(told)?;
        plane.collect().await.map_err(told)?;
    }

    let start = Instant::now();
    plane
        .apply(Arc::new(NodePlan::default()))
        .await
        .map_err(told)?;
    let set_aside = start.elapsed();
    let mut figures = json!({
        "create, agent": ms(create),
        "no change, mirror warm": ms(no_change_warm),
        "no change, mirror warm, steps": warm.steps,
        "start, with probes": ms(open),
        "no change, agent cold": ms(no_change_cold),
        "no change, agent cold, steps": steps,
        "link dump": ms(dump),
        "no change, agent cold to link dump": ratio(&json!(ms(no_change_cold)), ms(dump)),
        "one vnet added, mean": ms(add / ADDED),
        "one vnet added, steps": messages,
        "delete all, on the commit path": ms(set_aside),
        "memory of agent and plan, MiB": memory,
        "memory of the kernel, MiB": (kernel_memory * 10.0).round() / 10.0,
    });
    if !is_beside {
        let start = Instant::now();
        plane.collect().await.map_err(told)?;
        let collect = start.elapsed();
        figures["delete all, after the confirm"] = json!(ms(collect));
        figures["delete per vnet, after the confirm"] = json!(ms(collect / count));
    }
    Ok(figures)
}

fn told(faults: Vec<weft_model::report::Fault>) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

/// The resident memory of this process, in MiB.
fn memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok((kib / 102.4).round() / 10.0)
}

/// What the kernel keeps for itself, on the whole machine, in MiB.
fn kernel_memory() -> Result<f64> {
    let all = std::fs::read_to_string("/proc/meminfo")?;
    let kib = |name: &str| {
        let line = all.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    };
    let kept = ["Slab:", "Percpu:"].map(|name| kib(name).unwrap_or_default());
    Ok(kept.iter().sum::<f64>() / 1024.0)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

fn ratio(of: &Value, to: f64) -> Value {
    of.as_f64()
        .map_or(Value::Null, |of| json!((of / to * 100.0).round() / 100.0))
}
