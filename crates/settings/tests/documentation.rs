//! The documentation has the same table as the code.

use dt_settings::Setting;

#[test]
fn the_documentation_has_a_row_for_each_setting() {
    let page = include_str!("../../../docs/settings.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = Setting::ALL
        .iter()
        .map(|setting| {
            format!(
                "| `{}` | {} | {} | {} |",
                setting.name(),
                setting.kind().name(),
                setting.default_text(),
                setting.description()
            )
        })
        .collect();
    assert_eq!(rows, expected);
}
