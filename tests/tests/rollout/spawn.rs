//! Runs, each in a process of its own: the runtime counts some things for the whole process, and
//! they must not come from another run. As many at a time as there are processors.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::run::{Ran, Setup, run};

/// Says to a process what it is to run.
const RUN: &str = "WEFT_RUN";

/// Begins the line in which a process says what came of it.
const RAN: &str = "RAN ";

/// The test that runs one run.
const TEST: &str = "a_run_of_one_seed_keeps_every_law";

/// The run that this process was asked for.
pub fn asked() -> Option<(u64, Setup)> {
    let text = std::env::var(RUN).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{RUN}={text}: {error}")))
}

/// Runs one here, and says what came of it.
pub fn answer(seed: u64, setup: Setup) -> Ran {
    if let Ok(filter) = std::env::var("WEFT_LOG") {
        // By the simulated hosts' names, without the time of this machine.
        let log = tracing_subscriber::fmt().with_env_filter(filter);
        log.without_time().with_ansi(false).init();
    }
    // On a thread of its own: its hash maps are then seeded by the run and by nothing before it.
    let thread = std::thread::spawn(move || run(seed, setup));
    let ran = thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    println!("{RAN}{}", serde_json::to_string(&ran).unwrap());
    ran
}

/// How to have a run again.
pub fn again(seed: u64, setup: Setup) -> String {
    let text = serde_json::to_string(&(seed, setup)).unwrap();
    format!(
        "{RUN}='{text}' WEFT_TRACE=1 cargo test -p weft-tests --test rollout {TEST} -- --nocapture"
    )
}

/// Runs one in a process of its own.
pub fn one(seed: u64, setup: Setup) -> Ran {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture", "--test-threads", "1"])
        .env(RUN, serde_json::to_string(&(seed, setup)).unwrap())
        .env_remove("WEFT_TRACE")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once(RAN));
    match line.map(|(_, json)| serde_json::from_str(json)) {
        Some(Ok(ran)) => ran,
        _ => panic!(
            "no word of the run; again: {}\n{text}\n{}",
            again(seed, setup),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// Runs all, in their order.
///
/// # Panics
/// When one breaks a law: then with the first ones that do, and how to have them again.
pub fn all(runs: &[(u64, Setup)]) -> Vec<Ran> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![None; runs.len()]);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some((seed, setup)) = runs.get(place) else {
                return;
            };
            let ran = one(*seed, *setup);
            done.lock().unwrap()[place] = Some(ran);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let done: Vec<Ran> = done.into_inner().unwrap().into_iter().flatten().collect();
    let broken: Vec<String> = runs
        .iter()
        .zip(&done)
        .filter_map(|((seed, setup), ran)| {
            let law = ran.result.as_ref().err()?;
            Some(format!(
                "seed {seed}: {law}\n  again: {}",
                again(*seed, *setup)
            ))
        })
        .collect();
    assert!(
        broken.is_empty(),
        "{} of {} runs break a law:\n{}",
        broken.len(),
        runs.len(),
        broken[..broken.len().min(10)].join("\n")
    );
    done
}
