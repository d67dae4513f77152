//! What a page says against `dt_guide`, and the names that the programs use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use dt_guide::{GUIDES, Guide, Kind};
use dt_service::{deaths, details};

use crate::page::{self, Page};

/// Every section that a page has, in this order; others may come between.
const SECTIONS: [&str; 6] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "EXIT STATUS",
    "EXAMPLES",
    "SEE ALSO",
];

const DIFFERENCES: &str = "DIFFERENCES FROM DAEMONTOOLS 0.76";

/// No part of the original.
const DEMONSTRATION: &str = "trycode";

fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_program_has_a_page_and_every_page_a_program() {
    let pages: Vec<String> = page::all().into_iter().map(|page| page.name).collect();
    let guides: Vec<&str> = GUIDES.iter().map(|guide| guide.name).collect();
    assert_eq!(pages, guides);
}

#[test]
fn every_page_has_its_sections_in_order() {
    for page in page::all() {
        let titles = page.lines().filter_map(|line| line.strip_prefix(".Sh "));
        let titles: Vec<&str> = titles.collect();
        let mut rest = titles.iter();
        for wanted in SECTIONS {
            assert!(
                rest.any(|title| *title == wanted),
                "{}: no {wanted}, or not in its place: {titles:?}",
                page.name
            );
        }
        let last = *titles.last().unwrap();
        let expected = page.name != DEMONSTRATION;
        assert_eq!(last == DIFFERENCES, expected, "{}: {last}", page.name);
    }
}

#[test]
fn the_summaries_are_the_guides() {
    for guide in GUIDES {
        let page = page::of(guide.name);
        let name = page.section("NAME").unwrap();
        let name_line = format!(".Nm {}", guide.name);
        let summary = format!(".Nd {}", guide.summary);
        assert_eq!(name, [name_line, summary], "{}", guide.name);
    }
}

/// The options of a guide, as the pages write them.
fn known(guide: &Guide) -> BTreeSet<String> {
    names(guide.flags.iter().map(|flag| flag.name))
}

#[test]
fn every_option_has_its_line_and_no_line_is_of_another() {
    for guide in GUIDES.iter().filter(|guide| guide.name != "daemontools") {
        let page = page::of(guide.name);
        let described = page.entries().filter(|entry| entry.starts_with("Fl "));
        // An entry for several options together is about what they do together.
        let single: BTreeSet<String> = described
            .map(|entry| page::flags(entry, false))
            .filter(|flags| flags.len() == 1)
            .flatten()
            .filter(|flag| flag.starts_with("--") || flag.len() == 2)
            .collect();
        assert_eq!(single, known(guide), "{}: its list of options", guide.name);
    }
}

#[test]
fn the_synopsis_has_every_option_and_no_other() {
    for guide in GUIDES {
        let page = page::of(guide.name);
        let lines = page.section("SYNOPSIS").unwrap();
        let named: BTreeSet<String> = lines
            .iter()
            .flat_map(|line| page::flags(line, true))
            .collect();
        let mut known = known(guide);
        if guide.name == "daemontools" {
            // Those of `try`.
            known.extend(names(["--directory", "--port"]));
        }
        assert_eq!(named, known, "{}", guide.name);
    }
}

#[test]
fn nothing_speaks_of_an_option_that_is_not_there() {
    for page in page::all().iter().filter(|page| page.name != "daemontools") {
        let guide = dt_guide::find(&page.name).unwrap();
        let spoken = page.lines().filter(|line| line.starts_with('.'));
        let spoken = spoken.flat_map(|line| page::flags(line, true));
        for flag in spoken {
            assert!(
                guide.flags.iter().any(|known| known.name == flag),
                "{}: {flag}",
                page.name
            );
        }
    }
}

#[test]
fn every_word_of_a_script_has_its_line_and_no_line_is_of_another() {
    for guide in GUIDES.iter().filter(|guide| !guide.words.is_empty()) {
        let page = page::of(guide.name);
        let entries = page.entries().filter_map(|entry| entry.strip_prefix("Ic "));
        let described: BTreeSet<String> = entries
            .map(|entry| page::shown(entry.split(' ').next().unwrap()))
            .collect();
        let words = names(guide.words.iter().map(|word| word.first));
        assert_eq!(described, words, "{}", guide.name);
    }
}

#[test]
fn every_rule_of_svcheck_has_its_line() {
    let page = page::of("svcheck");
    let entries = page.entries().filter_map(|entry| entry.strip_prefix("Cm "));
    let rules = svcheck::finding::Rule::ALL.iter();
    assert_eq!(names(entries), names(rules.map(|rule| rule.name())));
}

/// What `svstat -o` knows, as its source has it.
#[test]
fn every_field_of_svstat_has_its_line() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/svstat/src/fields.rs");
    let source = fs::read_to_string(file).unwrap();
    let rows = source.lines().map(str::trim);
    let rows = rows.filter_map(|row| row.strip_prefix("(\"")?.split_once("\", Field::"));
    let known = names(rows.map(|(name, _)| name));
    assert!(known.contains("updownsince"), "{known:?}");
    let page = page::of("svstat");
    let entries = page.entries().filter_map(|entry| entry.strip_prefix("Cm "));
    assert_eq!(names(entries), known);
    let guide = dt_guide::find("svstat").unwrap();
    let values = guide.flags.iter().filter_map(|flag| flag.value);
    let offered = values.flat_map(|value| match value.kind {
        Kind::Choice(choices) => choices,
        _ => &[],
    });
    assert_eq!(names(offered.copied()), known);
}

/// Each setting's entry names it, its kind and what is in force without it.
#[test]
fn every_setting_of_a_service_directory_has_its_line() {
    use dt_settings::Setting;
    let page = page::service_directory();
    let entries = page.entries();
    let described: Vec<&str> = entries.filter(|entry| entry.starts_with("Pa ")).collect();
    let known = Setting::ALL.map(|setting| {
        let (kind, default) = (setting.kind().name(), setting.default_text());
        format!("Pa {} Pq {kind}, {default}", setting.name())
    });
    assert_eq!(described, known);
}

/// The text of all sources of a crate.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        text += &if path.is_dir() {
            sources(&path)
        } else {
            fs::read_to_string(path).unwrap()
        };
    }
    text
}

/// The page says of which settings nothing takes notice yet: those that neither
/// supervise nor svscan speaks of.
#[test]
fn what_no_program_obeys_is_said_to_be_so() {
    use dt_settings::Setting;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let code = ["supervise", "svscan"].map(|name| sources(&root.join(name).join("src")));
    let code = code.concat();
    let unheeded = Setting::ALL.into_iter().filter(|setting| {
        let name = setting.name();
        let field = format!("settings.{}", name.replace(['-', '.'], "_"));
        let spoken = match name {
            "run" | "down" => format!("names::{}", name.to_uppercase()),
            flag => format!("\"{flag}\""),
        };
        let literal = name != "control" && code.contains(&spoken);
        let words = [format!("Setting::{setting:?}"), field];
        !literal && !words.iter().any(|word| code.contains(word))
    });
    let page = page::service_directory();
    let lines = page
        .lines()
        .skip_while(|line| *line != ".Ss Without effect as yet")
        .take_while(|line| !line.starts_with(".Sh "));
    let said = lines.filter_map(|line| line.strip_prefix(".Pa "));
    let said = said.flat_map(|line| line.split(' ').filter(|word| word.len() > 1));
    assert_eq!(
        names(said),
        names(unheeded.map(Setting::name)),
        "in daemontools-service(5)"
    );
}

/// The strings of the constants that a source file has.
fn constants(file: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let source = fs::read_to_string(file).unwrap();
    let lines = source.lines().map(str::trim);
    let constants = lines.filter(|line| line.starts_with("pub const "));
    let values = constants.filter_map(|line| line.split_once(": &str = \"")?.1.split('"').next());
    values
        .map(|value| value.trim_start_matches("./").to_owned())
        .collect()
}

/// The files that a page has an entry for.
fn files(page: &Page) -> BTreeSet<String> {
    let section = page.section("FILES").unwrap_or_default();
    let entries = section.iter().filter_map(|line| line.strip_prefix(".It "));
    entries
        .filter_map(|entry| entry.strip_prefix("Pa "))
        .map(|entry| page::shown(entry.split(' ').next().unwrap()))
        .collect()
}

#[test]
fn every_file_of_supervise_has_its_line() {
    let mut names: BTreeSet<String> = constants("crates/service/src/lib.rs").into_iter().collect();
    assert!(names.contains("supervise/status"), "{names:?}");
    let others = [
        details::NAME,
        details::NAME_NEW,
        details::CGROUP,
        deaths::NAME,
    ];
    names.extend(others.map(|name| format!("supervise/{name}")));
    assert_eq!(files(&page::of("supervise")), names);
}

#[test]
fn every_file_of_svscan_has_its_line() {
    let mut names: BTreeSet<String> = constants("crates/service/src/scanning.rs")
        .into_iter()
        .collect();
    assert!(names.contains(".svscan/control"), "{names:?}");
    names.extend(["NAME", "NAME/log"].map(str::to_owned));
    assert_eq!(files(&page::of("svscan")), names);
}

#[test]
fn every_file_of_multilog_has_its_line() {
    use multilog::rotate::Name;
    let mut names: BTreeSet<String> = names(Name::ALL.map(Name::text));
    names.extend(["lock", "@"].map(str::to_owned));
    assert_eq!(files(&page::of("multilog")), names);
}

/// The cases of `tests/compliance/differences.rs`.
fn differences() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compliance/differences.rs");
    let source = fs::read_to_string(file).unwrap();
    let lines = source.lines().map(str::trim);
    let cases = lines.filter_map(|line| line.strip_prefix("case: \"")?.strip_suffix("\","));
    cases.map(str::to_owned).collect()
}

/// Each page names in comments the cases that its last section is about.
#[test]
fn every_difference_is_told_on_a_page() {
    let pages = page::all();
    let lines = pages.iter().flat_map(Page::lines);
    let told = lines.filter_map(|line| line.strip_prefix(".\\\" difference: "));
    let (told, known) = (names(told), differences());
    let untold: Vec<_> = known.difference(&told).collect();
    let gone: Vec<_> = told.difference(&known).collect();
    assert!(untold.is_empty(), "no page tells of {untold:?}");
    assert!(gone.is_empty(), "no differences any more: {gone:?}");
}

/// Pages of section 8 that are not ours.
const OTHERS: &[&str] = &["init", "s6-svscanctl"];

#[test]
fn pages_refer_to_pages_that_are_there() {
    for page in page::all() {
        for line in page.lines() {
            let mut words = line.split(' ').skip_while(|word| !word.ends_with("Xr"));
            let (Some(_), Some(name), Some(section)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let ours = section == "8" && GUIDES.iter().any(|guide| guide.name == name)
                || page::directory()
                    .join(format!("{name}.{section}"))
                    .is_file();
            assert!(
                ours || section != "8" || OTHERS.contains(&name),
                "{}: {line}",
                page.name
            );
        }
    }
}

#[test]
fn mandoc_finds_nothing_to_warn_of() {
    let mut pages = fs::read_dir(page::directory()).unwrap();
    let pages: Vec<_> = pages.by_ref().map(|entry| entry.unwrap().path()).collect();
    let mut command = Command::new("mandoc");
    command.args(["-T", "lint", "-W", "warning"]).args(&pages);
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            let warnings: Vec<&str> = said
                .lines()
                .chain(errors.lines())
                .filter(|line| !line.contains("mandoc.db"))
                .collect();
            assert!(warnings.is_empty(), "{warnings:#?}");
        }
        Err(_) => crate::examples::skip("mandoc_finds_nothing_to_warn_of", "no mandoc here"),
    }
}
