//! A file cut into its YAML documents, each with the line that it starts at.
//!
//! Each document is parsed alone, so that one broken document does not hide what is wrong with the
//! next. A line that starts with `---` or `...` is a marker wherever it stands (YAML 1.2, 9.1.2),
//! so the cuts need no parser.

use std::sync::Arc;

/// A text with the name that messages call it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's path, or `stdin`.
    pub name: Arc<str>,
    /// All that is in it.
    pub text: String,
}

/// One YAML document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The line of the source that its first line is, from 1.
    pub line: usize,
    /// The document's text.
    pub text: &'a str,
}

impl Source {
    /// The documents that have something in them.
    pub fn documents(&self) -> Vec<Document<'_>> {
        let mut documents = Vec::new();
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let mut open = Document { line: 1, text: "" };
        let (mut start, mut offset) = (0, 0);
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if is_marker(line) {
                open.text = &text[start..offset];
                documents.push(open);
                // What follows a marker on its line belongs to the next document; without the
                // marker, nothing of it moves to another line.
                start = offset + 3;
                open = Document {
                    line: index + 1,
                    text: "",
                };
            }
            offset += line.len();
        }
        open.text = &text[start..];
        documents.push(open);
        documents.retain(|document| document.text.lines().any(says_something));
        documents
    }
}

fn is_marker(line: &str) -> bool {
    ["---", "..."].iter().any(|marker| {
        line.strip_prefix(marker)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    })
}

fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Vec<(usize, String)> {
        let source = Source {
            name: "a.yaml".into(),
            text: text.to_owned(),
        };
        let cut = source.documents().into_iter();
        cut.map(|it| (it.line, it.text.to_owned())).collect()
    }

    #[test]
    fn documents_keep_their_line_numbers() {
        assert_eq!(
            documents("# one\n---\na: 1\n---\n\n# nothing\n---\nb: 2\n"),
            [(2, "\na: 1\n".to_owned()), (7, "\nb: 2\n".to_owned())]
        );
    }

    #[test]
    fn a_marker_is_three_characters_at_the_start_of_a_line_and_then_a_space() {
        assert_eq!(documents("a: |\n  ---\n---b\n").len(), 1);
        assert_eq!(documents("a: 1\n--- b\n...\n").len(), 2);
    }
}
