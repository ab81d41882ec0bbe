//! One Rust file, split into what runs in production and what only tests.

/// One Rust file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is, from the top of the work tree.
    pub path: String,
    /// All of it.
    pub text: String,
    /// How many lines come before the tests.
    production: usize,
}

/// One line of a file.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// Its text without its comment.
    pub code: &'a str,
}

impl Source {
    /// The file at `path` with this text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let production = if is_test_file(&path) {
            0
        } else {
            let lines: Vec<&str> = text.lines().collect();
            // By the house rules the tests of a file are its last module.
            lines
                .windows(2)
                .position(|pair| {
                    pair[0].trim() == "#[cfg(test)]"
                        && pair[1].trim_start().starts_with("mod ")
                        && pair[1].trim_end().ends_with('{')
                })
                .unwrap_or(lines.len())
        };
        Self {
            path,
            text,
            production,
        }
    }

    /// How many lines are not tests.
    pub fn production_lines(&self) -> usize {
        self.production
    }

    /// The lines that run in production, without comments.
    pub fn production(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines().take(self.production)
    }

    /// Every line, without comments.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().enumerate().map(|(index, text)| Line {
            number: index + 1,
            code: without_comment(text),
        })
    }

    /// The name of the file without its ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.strip_suffix(".rs").unwrap_or(name)
    }
}

/// Whether everything in the file is for tests.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with("/fixtures.rs")
        || path.contains("/benches/")
}

/// The line up to `//`, where that is not inside a text such as `"http://"`.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            // A quote in quotes, '"', is a character and not the start of a text.
            '"' if quoted || before != '\'' => quoted = !quoted,
            '/' if !quoted && before == '/' => return &line[..at - 1],
            _ => {}
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_are_not_production() {
        let source = Source::new(
            "agent/src/a.rs",
            "//! Doc.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
        );
        assert_eq!((source.production_lines(), source.lines().count()), (2, 6));
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(without_comment("let a = 1; // tokio"), "let a = 1; ");
        assert_eq!(
            without_comment(r#"let a = "http://x";"#),
            r#"let a = "http://x";"#
        );
        assert_eq!(without_comment("/// Says rtnetlink."), "");
        assert_eq!(without_comment(r#"let a = "\"//";"#), r#"let a = "\"//";"#);
        assert_eq!(without_comment(r#"let a = '"'; // b"#), r#"let a = '"'; "#);
    }
}
