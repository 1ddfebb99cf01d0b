//! Tables: columns held apart by space, no frames.

use comfy_table::{ContentArrangement, Table, presets};

/// Lays rows out under their headings.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let rows = [["kubectl", "read"], ["gitea_pr_create", "write"]]
            .map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(table(&["TOOL", "EFFECT"], rows), @r"
        TOOL             EFFECT
        kubectl          read
        gitea_pr_create  write
        ");
    }
}
