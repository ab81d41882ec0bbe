//! The archive that a kernel unpacks as its first files: a cpio of the form `newc`.
//!
//! # Guarantees
//! What is written is read back by any cpio; every entry belongs to root, and its time is 0, so
//! that the same files are the same archive.

/// What a regular file is, in a mode.
const FILE: u32 = 0o100_000;
/// What a folder is, in a mode.
const FOLDER: u32 = 0o040_000;

/// An archive that is being written.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; those above it come first.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER | 0o755, &[]);
    }

    /// Adds a file that can be run.
    pub fn program(&mut self, name: &str, content: &[u8]) {
        self.entry(name, FILE | 0o755, content);
    }

    /// Adds a file.
    pub fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, FILE | 0o644, content);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = 1;
        let fields = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            length(content.len()),
            0,
            0,
            0,
            0,
            length(name.len() + 1),
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// Names and contents begin at a multiple of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A length as the format has it; what does not fit in 32 bits is no file of a kernel's first ones.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_file_are_written_as_the_format_says() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.file("bin/a", b"hello");
        let entry = |number: u32, mode: &str, size: u32, name_size: u32, name: &str| {
            let zero = "00000000";
            format!(
                "070701{number:08x}{mode}{zero}{zero}00000001{zero}{size:08x}{zero}{zero}{zero}\
                 {zero}{name_size:08x}{zero}{name}"
            )
        };
        let expected = [
            entry(1, "000041ed", 0, 4, "bin\0\0\0"),
            entry(2, "000081a4", 5, 6, "bin/a\0hello\0\0\0"),
            entry(3, "00000000", 0, 11, "TRAILER!!!\0\0\0\0"),
        ];
        assert_eq!(
            String::from_utf8(archive.finish()).unwrap(),
            expected.concat()
        );
    }
}
