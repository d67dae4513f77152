//! The documentation has the same rules as the code.

use svcheck::finding::Rule;

#[test]
fn the_documentation_has_a_row_for_each_rule() {
    let page = include_str!("../../../docs/svcheck.md");
    let row = |rule: &Rule| {
        format!(
            "| `{}` | {} | {} |",
            rule.name(),
            rule.level().name(),
            rule.why()
        )
    };
    let rows: Vec<String> = Rule::ALL.iter().map(row).collect();
    let told: Vec<&str> = page
        .lines()
        .filter(|line| rows.iter().any(|row| row == line))
        .collect();
    assert_eq!(told, rows);
}
