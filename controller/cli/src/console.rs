//! Where output goes: results to the standard output, everything beside them to the standard error.
//!
//! # Guarantees
//! A reader that closes the output ends the command quietly. Color is used on terminals only, and
//! never when `NO_COLOR` is set.

use std::io::{self, IsTerminal, Write};

use crate::failure::{Failure, Outcome};

/// Prints text as it is.
pub fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(Failure::failed(format!("cannot write the output: {error}"))),
    }
}

/// Prints a line.
pub fn line(text: &str) -> Outcome {
    print(&format!("{text}\n"))
}

/// Says something beside the result. Nothing is lost when nobody listens.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether people look at the standard output.
pub fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// Whether people look at the standard error, where progress goes, and it can move the cursor.
pub fn can_redraw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// What a piece of text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Something comes, or is well.
    Good,
    /// Something goes, or is broken.
    Bad,
    /// Something changes, or needs attention.
    Mind,
}

/// Whether and how text is colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Not at all.
    Plain,
    /// With the terminal's own colors.
    Colored,
}

impl Palette {
    /// What suits the standard output.
    pub fn of_output() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_watched() && !unwanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
            Self::Colored
        } else {
            Self::Plain
        }
    }

    /// The text in the color of what it is about.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => 32,
            Paint::Bad => 31,
            Paint::Mind => 33,
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Colored => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Text that came from elsewhere, safe to print on a terminal: control characters are escaped.
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = c.is_control() && c != '\n';
            let escaped = escape.then(|| c.escape_default()).into_iter().flatten();
            escaped.chain((!escape).then_some(c))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Palette::Plain.paint(Paint::Bad, "x"), "x");
        assert_eq!(Palette::Colored.paint(Paint::Bad, "x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        assert_eq!(safe("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\nc");
    }
}
