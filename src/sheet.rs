//! Cells of the tables that this product writes for people's spreadsheets.
//!
//! Owns how words that somebody else chose get into a CSV file: as a word, never as a formula, a line or a column.

/// A cell. Whatever a spreadsheet would compute is marked as text, as people do it by hand: with an apostrophe.
pub(crate) fn cell(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let computed = plain.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let mark = if computed || text.starts_with(['\t', '\r', '\n']) { "'" } else { "" };
    if plain.contains([',', ';', '"']) {
        format!("\"{mark}{}\"", plain.replace('"', "\"\""))
    } else {
        format!("{mark}{plain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_computed_and_nothing_begins_a_line_or_a_column() {
        assert_eq!(cell("North Bridge"), "North Bridge");
        assert_eq!(cell("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        for formula in ["=1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1"] {
            assert!(cell(formula).starts_with('\''), "{formula:?}: {}", cell(formula));
        }
        assert_eq!(cell("3\n4\u{1b}[2J"), "3 4 [2J");
    }

    proptest::proptest! {
        #[test]
        fn a_table_reads_it_back_as_one_cell(text in ".*") {
            let line = format!("first,{},last\n", cell(&text));
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            proptest::prop_assert_eq!((row.len(), &row[0], &row[2]), (3, "first", "last"));
            proptest::prop_assert!(!row[1].trim_start().starts_with(['=', '+', '-', '@']));
            proptest::prop_assert!(!row[1].chars().any(char::is_control));
        }
    }
}
