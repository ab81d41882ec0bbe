//! The demo: a whole cluster in network namespaces of this machine, and what it does, proved.

use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use weft_tests::lab::Lab;

mod screen;

mod story;

use screen::Screen;

/// The exit code of a program that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let keep = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--keep" => true,
        _ => {
            eprintln!("usage: weft-demo [--keep]");
            return ExitCode::from(2);
        }
    };
    let mut screen = Screen::default();
    match play(&mut screen, keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.table();
            eprintln!("\nthe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(screen: &mut Screen, keep: bool) -> Result<()> {
    let lab = Lab::new()?;
    clean_up_when_interrupted(lab.clone())?;
    let cluster = story::tell(screen, &lab)?;
    screen.table();
    if keep {
        story::stay(&cluster);
        loop {
            // Only an interrupt ends this, and then the other thread cleans up.
            thread::park();
        }
    }
    lab.pass();
    Ok(())
}

/// Deletes the lab's namespaces, and all that runs in them, when the user has seen enough.
fn clean_up_when_interrupted(lab: Lab) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot listen to signals")?;
    let guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to signals")?;
    drop(guard);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            println!("\ncleaning up");
            lab.pass();
            lab.release();
            std::process::exit(INTERRUPTED);
        })
        .context("cannot start a thread")?;
    Ok(())
}
