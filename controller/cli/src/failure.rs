//! Why a command did not do what was asked, and the exit code that says so to scripts.

use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What was given cannot be used; nothing was stored and nothing was changed. One line each.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// Everything else; the text says what to do.
    #[error("{0}")]
    Failed(String),
    /// There are differences, which is an answer and no error.
    #[error("there are differences")]
    Differences,
    /// Whoever read the output closed it, as `head` does.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// Something that was given and cannot be used.
    pub fn refused(line: impl Into<String>) -> Self {
        Self::Refused(vec![line.into()])
    }

    /// Something that could not be done.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// The exit code: 0 done, 1 failed, 2 refused, 3 differences.
    pub fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed(_) => 1,
            Self::Refused(_) => 2,
            Self::Differences => 3,
        }
    }

    /// Says on the standard error what is not said yet, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Refused(lines) => {
                for line in lines {
                    eprintln!("error: {line}");
                }
            }
            Self::Failed(text) => eprintln!("error: {text}"),
            Self::Differences | Self::OutputClosed => {}
        }
        ExitCode::from(self.code())
    }
}

/// What a command gives back.
pub type Outcome<T = ()> = Result<T, Failure>;

/// An error with everything that caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries print the cause in the message too.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_the_exit_code_that_the_manual_names() {
        let codes = [
            (Failure::OutputClosed, 0),
            (Failure::failed("x"), 1),
            (Failure::refused("x"), 2),
            (Failure::Differences, 3),
        ];
        for (failure, code) in codes {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }
}
