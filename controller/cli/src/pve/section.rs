//! The format of Proxmox VE's files in `/etc/pve/sdn`: sections of a type and a name, each with
//! indented properties below it.

use std::fmt;

/// One section of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The type, `vxlan`.
    pub kind: String,
    /// The name.
    pub id: String,
    /// The line that it starts at.
    pub line: usize,
    properties: Vec<(String, String)>,
}

/// A line that is in no section's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SectionError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Section {
    /// The value of a property; of one that stands several times, the first.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut properties = self.properties.iter();
        let found = properties.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of a property.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = self.properties.iter().filter(move |(key, _)| key == name);
        matching.map(|(_, value)| value.as_str())
    }

    /// Whether a property is switched on. A property without a value is.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| matches!(value, "" | "1" | "yes" | "true" | "on"))
    }

    /// The names of all properties, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(|(name, _)| name.as_str())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// Reads the sections of a file.
///
/// # Errors
/// At the first line that cannot be in such a file.
pub fn read(text: &str) -> Result<Vec<Section>, SectionError> {
    let mut sections: Vec<Section> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let refuse = |problem| SectionError {
            line: number,
            problem,
        };
        let said = line.trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let section = sections
                .last_mut()
                .ok_or_else(|| refuse("a property stands before the first section"))?;
            let (name, value) = said.split_once([' ', '\t']).unwrap_or((said, ""));
            section
                .properties
                .push((name.to_owned(), value.trim().to_owned()));
            continue;
        }
        let (kind, id) = said
            .split_once(':')
            .ok_or_else(|| refuse("a section starts with its type, a colon and its name"))?;
        sections.push(Section {
            kind: kind.trim().to_owned(),
            id: id.trim().to_owned(),
            line: number,
            properties: Vec::new(),
        });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_properties_and_those_may_stand_twice() {
        let text = "# zones\nsimple: z1\n\tipam pve\n    note two  words \n\tflag\n\nopenfabric_node: f_n1\n\tinterfaces name=a\n\tinterfaces name=b\n";
        let sections = read(text).unwrap();
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].to_string(), "simple z1");
        assert_eq!(sections[0].get("note"), Some("two  words"));
        assert!(sections[0].is_on("flag"));
        assert!(!sections[0].is_on("ipam"));
        assert_eq!(sections[1].line, 7);
        let interfaces: Vec<&str> = sections[1].all("interfaces").collect();
        assert_eq!(interfaces, ["name=a", "name=b"]);
    }

    #[test]
    fn a_name_may_have_colons() {
        let sections = read("subnet: z-fd00::-64\n\tvnet v1\n").unwrap();
        assert_eq!(sections[0].id, "z-fd00::-64");
    }

    #[test]
    fn a_line_of_no_section_is_named() {
        assert_eq!(read("\tvnet v1\n").unwrap_err().line, 1);
        assert_eq!(read("simple: z\nrubbish\n").unwrap_err().line, 2);
    }
}
