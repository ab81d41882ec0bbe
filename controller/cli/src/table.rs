//! Tables without borders: columns in capitals, two spaces between them, nothing at line ends.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Table};

/// A table in the making.
pub struct Columns(Table);

impl Columns {
    /// A table with these column titles.
    pub fn new(titles: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(
            titles
                .iter()
                .map(|title| Cell::new(*title))
                .collect::<Vec<_>>(),
        );
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self(table)
    }

    /// Adds a row; what is empty is shown as a hyphen, so that columns can be counted.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cell = |text: String| match text.as_str() {
            "" => Cell::new("-"),
            text => Cell::new(text),
        };
        self.0
            .add_row(cells.into_iter().map(cell).collect::<Vec<_>>());
    }

    /// The table as text, with a newline after every line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in self.0.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_no_borders() {
        let mut columns = Columns::new(&["NAME", "TAG"]);
        columns.row(["web".to_owned(), "100".to_owned()]);
        columns.row(["database".to_owned(), String::new()]);
        assert_eq!(
            columns.text(),
            "NAME      TAG\nweb       100\ndatabase  -\n"
        );
    }
}
