//! Telling one daemon what was decided, section by section.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use weft_model::plan::frr::text::Place;
use weft_node::frr::daemon::Daemon;
use weft_node::frr::step::{Command, Saying};

use super::vty::{Answer, Vty, VtyError};

/// How long a daemon may take to hear from another what the command needs.
const SOON: Duration = Duration::from_secs(5);
/// How often it is asked meanwhile.
const AGAIN: Duration = Duration::from_millis(20);

/// Why a saying was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// The daemon cannot be spoken to.
    #[error("{0}")]
    Vty(VtyError),
    /// It said no.
    #[error("FRR says to `{command}`: {answer}")]
    Refused {
        /// The command, without secrets.
        command: String,
        /// What it said.
        answer: String,
    },
}

/// What bgpd says as long as it has not heard from zebra that a VNI is gone.
fn will_be_so_soon(answer: &Answer) -> bool {
    answer.text.contains("unconfigure l3vni")
}

/// Says all of it, and leaves the configuration's mode.
///
/// The sections are entered one after the other, for a line must not be said where its section was
/// refused; the lines of a section are sent ahead.
pub(crate) async fn say(vty: &mut Vty, saying: &Saying) -> Result<(), TalkError> {
    expect(vty, "configure terminal", None).await?;
    let said = say_all(vty, saying).await;
    if !matches!(said, Err(TalkError::Vty(_))) {
        expect(vty, "end", None).await?;
    }
    said
}

async fn say_all(vty: &mut Vty, saying: &Saying) -> Result<(), TalkError> {
    // It passes every line on, and by FRR's own text reads no other before it has the answer: so
    // nothing is said ahead of that.
    let one_by_one = saying.daemon == Daemon::Mgmtd;
    let mut at = Place::TOP;
    let mut ahead: Vec<(&Command, String)> = Vec::new();
    for command in &saying.commands {
        let (place, text) = command.words();
        if place != at {
            flush(vty, &mut ahead).await?;
            go(vty, command, &at, &place).await?;
            at = place;
        }
        ahead.extend(text.map(|text| (command, text)));
        if one_by_one {
            flush(vty, &mut ahead).await?;
        }
    }
    flush(vty, &mut ahead).await
}

async fn go(vty: &mut Vty, command: &Command, at: &Place, to: &Place) -> Result<(), TalkError> {
    let (from, to) = (at.headers(), to.headers());
    let shared = from
        .iter()
        .zip(to)
        .take_while(|(one, other)| one == other)
        .count();
    for _ in shared..from.len() {
        expect(vty, "exit", Some(command)).await?;
    }
    for header in &to[shared..] {
        expect(vty, header, Some(command)).await?;
    }
    Ok(())
}

async fn flush(vty: &mut Vty, ahead: &mut Vec<(&Command, String)>) -> Result<(), TalkError> {
    let texts: Vec<String> = ahead.iter().map(|(_, text)| text.clone()).collect();
    let answers = vty.ask_all(&texts).await.map_err(TalkError::Vty)?;
    for ((command, text), answer) in ahead.drain(..).zip(answers) {
        if will_be_so_soon(&answer) {
            expect(vty, &text, Some(command)).await?;
        } else if !answer.is_done() {
            return Err(refused(&text, Some(command), &answer));
        }
    }
    Ok(())
}

async fn expect(vty: &mut Vty, text: &str, command: Option<&Command>) -> Result<(), TalkError> {
    let give_up = Instant::now() + SOON;
    loop {
        let answer = vty.ask(text).await.map_err(TalkError::Vty)?;
        if answer.is_done() {
            return Ok(());
        }
        if !will_be_so_soon(&answer) || Instant::now() >= give_up {
            return Err(refused(text, command, &answer));
        }
        sleep(AGAIN).await;
    }
}

fn refused(text: &str, command: Option<&Command>, answer: &Answer) -> TalkError {
    TalkError::Refused {
        command: command.map_or_else(|| text.to_owned(), ToString::to_string),
        answer: answer.words(),
    }
}
